"""The security scan: what it finds, where it looks, and what it reports as not scanned."""

import gzip
import io
import json
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.release.attest.policy import SignedStatement, Verified
from goldenpath.release.evidence.advisories import Vulnerability, read_advisories
from goldenpath.release.evidence.pickles import pickles_in
from goldenpath.release.evidence.scan import Scan, faults, scan, scan_of, scan_statement
from goldenpath.train.training_run import Package

SUBJECT = Digest.of(b"release")
VALUE = OrderedDict(weights=[1.5, 2.5])
PACKAGES = (Package("Some_Package", "1.2.0", (), "GPL-3.0-only OR MIT"), Package("other", "2", ()))


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.bin", content)
    return file.getvalue()


def saved(array: "np.ndarray[tuple[int], np.dtype[np.object_]]") -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_found_by_its_content(protocol: int) -> None:
    content = pickle.dumps(VALUE, protocol)

    assert list(pickles_in(content)) == [""]
    assert list(pickles_in(gzip.compress(content))) == [""]
    assert list(pickles_in(zipped(content))) == ["archive/data.bin"]


def test_a_large_pickle_is_found_by_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(pickle.dumps([bytes(1_000_000), VALUE]))

    assert list(pickles_in(tmp_path / "model.onnx")) == [""]


def test_an_array_of_objects_is_a_pickle() -> None:
    assert list(pickles_in(saved(np.array([VALUE], dtype=object)))) == [""]
    assert not list(pickles_in(saved(np.arange(3).astype(object).astype(float))))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b".",
        b"{}",
        b"card\nof the model\n",
        b"\x08\x08\x12\x07pytorch",
        bytes(100),
        b"\x80\x04",
    ],
)
def test_other_content_is_not_taken_for_a_pickle(content: bytes) -> None:
    assert not list(pickles_in(content))


def test_an_archive_that_cannot_be_read_is_not_harmless() -> None:
    content = bytearray(zipped(b"weights" * 100))
    content[40:60] = bytes(20)

    assert list(pickles_in(bytes(content))) == ["an archive that cannot be read"]


@pytest.mark.parametrize(
    "secret",
    [
        "-----BEGIN " + "OPENSSH PRIVATE" + " KEY-----",
        "AKIA" + "QWERTYUIOPASDFGH",
        "ghp_" + "a1" * 18,
        "glpat-" + "x" * 20,
        "postgres://scorer:" + "hunter22" + "@db.example/x",
    ],
)
def test_a_secret_is_named_by_its_line_and_never_shown(secret: str) -> None:
    found = scan({"card.md": f"first\n{secret}\n".encode()}, ())

    [one] = found.found
    assert (one.kind, one.file) == ("secret", "card.md")
    assert "line 2" in one.detail
    assert secret not in str(scan_statement(found, (SUBJECT,)))


def test_plain_text_holds_no_secret() -> None:
    text = b"see https://example.org/a:b@c and user@example.org; key: none; AKIA; git@host:x/y.git"

    assert scan({"README.md": text}, ()).found == ()


def test_a_refused_licence_is_a_fault_of_a_release() -> None:
    found = scan({}, PACKAGES)

    assert list(faults(found, ("GPL-3.0-only",))) == [
        "Some_Package is under GPL-3.0-only OR MIT, which is refused"
    ]
    assert not list(faults(found, ("AGPL-3.0-only",)))


def advise(folder: Path, name: str, events: list[dict[str, str]], **more: object) -> None:
    package = {"ecosystem": "PyPI", "name": "some-package"}
    span = {"type": "ECOSYSTEM", "events": events}
    advisory = {"id": name, "affected": [{"package": package, "ranges": [span]}], **more}
    (folder / f"{name}.json").write_text(json.dumps(advisory))


def test_advisories_of_a_folder_are_applied(tmp_path: Path) -> None:
    advise(tmp_path, "OSV-1", [{"introduced": "0"}, {"fixed": "1.10"}])
    advise(tmp_path, "OSV-2", [{"introduced": "0"}, {"fixed": "1.2"}])
    advise(tmp_path, "OSV-3", [{"introduced": "1.2"}, {"last_affected": "1.2.0"}])
    advise(tmp_path, "OSV-4", [{"introduced": "1.3"}])
    advise(tmp_path, "OSV-5", [{"introduced": "0"}], withdrawn="2026-01-01T00:00:00Z")

    found = scan({}, PACKAGES, read_advisories(tmp_path))

    assert [each.advisory for each in found.vulnerabilities] == ["OSV-1", "OSV-3"]
    assert Vulnerability("OSV-1", "Some_Package", "1.2.0") in found.vulnerabilities
    assert "Some_Package 1.2.0 falls under OSV-1" in list(faults(found, ()))


def test_without_advisories_the_statement_says_not_scanned(tmp_path: Path) -> None:
    advise(tmp_path, "OSV-4", [{"introduced": "1.3"}])
    without = scan_statement(scan({}, PACKAGES), (SUBJECT,))
    with_them = scan_statement(scan({}, PACKAGES, read_advisories(tmp_path)), (SUBJECT,))

    assert without.predicate["vulnerabilityScan"] == "not scanned"
    assert with_them.predicate["vulnerabilityScan"] == "scanned"


def test_an_empty_folder_of_advisories_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="expected 1 to"):
        read_advisories(tmp_path)


def test_a_zip_file_of_advisories_is_read_like_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    advise(folder, "OSV-1", [{"introduced": "0"}], database_specific={"severity": "HIGH"})
    advise(folder, "OSV-2", [{"introduced": "9"}])
    packed = tmp_path / "all.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)

    read = read_advisories(packed)

    assert read == read_advisories(folder)
    assert (read.count, read.scores) == (2, {"OSV-1": 7.0})


def test_a_file_that_holds_no_advisories_is_refused(tmp_path: Path) -> None:
    (tmp_path / "all.zip").write_bytes(b"no zip file")
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one.json", bytes(8 * 1024 * 1024))

    with pytest.raises(InvalidInput, match="no zip file of advisories"):
        read_advisories(tmp_path / "all.zip")
    with pytest.raises(InvalidInput, match="too large"):
        read_advisories(bomb)


def test_a_scan_is_read_back_as_it_was() -> None:
    found: Scan = scan({"a": pickle.dumps(VALUE)}, PACKAGES)
    signed = SignedStatement(scan_statement(found, (SUBJECT,)), "build", SUBJECT, "machine")

    assert scan_of(Verified(SUBJECT, (signed,), ())) == found
    assert scan_of(Verified(SUBJECT, (), ())) is None
