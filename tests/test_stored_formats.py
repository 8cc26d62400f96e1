"""Every stored format: a newer version is refused with the cure, and the older ones are read."""

import base64
import json
import re
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goldenpath.audit.events.chain import parse_link
from goldenpath.canonical import JsonValue, canonical_json
from goldenpath.deploy.reconcile.status import read_status
from goldenpath.digest import Digest
from goldenpath.drift.profile_format import parse_profile
from goldenpath.errors import InvalidInput
from goldenpath.home import Home
from goldenpath.images.debian.debian_pins import read_pins
from goldenpath.observe.drift.findings import load as load_finding
from goldenpath.observe.drift.monitor_state import read_watch
from goldenpath.observe.labels.label_store import known_labels
from goldenpath.observe.log.keeping.legal_hold import read_holds
from goldenpath.observe.log.records import require_version
from goldenpath.observe.log.retention import read_expired
from goldenpath.observe.log.segment import Checkpoint, parse_checkpoint, render_checkpoint
from goldenpath.observe.log.segments.packed_file import PackedBlock, PackedDirectory, require_whole
from goldenpath.observe.log.segments.stored_segments import StoredSegment
from goldenpath.project.contract import parse_contract
from goldenpath.project.load import load_project
from goldenpath.promote.manifests.placement import parse_placement
from goldenpath.promote.platform.platform import parse_platform
from goldenpath.promote.repository.chain_of_trust import read_pin
from goldenpath.release.attest.bundle import sign_statement
from goldenpath.release.attest.keys import generate_key
from goldenpath.release.attest.statement import EXPIRY, Statement
from goldenpath.serve.record.spool_format import decode
from goldenpath.stored_formats import CHECKPOINT_FILE, CURE, ERASURE, FORMATS, StoredFormat
from goldenpath.train.environment.runtime import parse_runtime

ROOT = Path(__file__).parent
OLDER: Mapping[str, tuple[str, ...]] = {
    "the reference profile": ("test_a_profile_of_version_1_is_read_as_one_without_times",),
    "the spool": ("test_a_spool_of_the_version_before_is_read",),
    "prediction records": (
        "test_segments_of_the_version_before_are_read_and_of_one_to_come_refused",
    ),
    "checkpoints": ("test_what_an_old_home_holds_is_read",),
    "counts of the drift monitor": ("test_what_an_old_home_holds_is_read",),
    "packed segments": ("test_the_version_of_an_older_packed_file_is_known",),
    "findings": ("test_a_finding_of_version_1_becomes_one_of_today",),
}
"""Tests of older versions that stand beside their readers."""


READ = tuple(kind for kind in FORMATS if kind is not ERASURE)  # which is written and never read


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The home that version 0.1 wrote."""
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(ROOT / "data" / "home-0.1.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return Home(folder / "home-0.1")


def _json(file: str, read: Callable[[Path], object]) -> Callable[[int, Path], object]:
    def reader(version: int, folder: Path) -> object:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(canonical_json({"version": version, "new": "member"}))
        return read(path)

    return reader


def _text(file: str, read: Callable[[Path], object]) -> Callable[[int, Path], object]:
    def reader(version: int, folder: Path) -> object:
        (folder / file).write_text(f"version = {version}\nnew = 1\nname = 'debian'\n")
        return read(folder / file)

    return reader


def _labels(version: int, folder: Path) -> object:
    path = folder / "prod" / "credit" / "labels.parquet"
    path.parent.mkdir(parents=True)
    table = pa.table({"prediction_id": ["a"], "label": [1.0]})
    names = {"goldenpath.labels.version": str(version)}
    pq.write_table(table.replace_schema_metadata(names), path)
    return list(known_labels(folder, "prod", "credit", datetime.max.replace(tzinfo=UTC)))


def _checkpoint(version: int, folder: Path) -> object:
    with tarfile.open(ROOT / "data" / "home-0.1.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    path = next(Home(folder / "home-0.1").predictions.rglob("*.checkpoint.json"))
    bundle = json.loads(path.read_bytes())
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    statement["predicate"]["version"] = version
    payload = base64.b64encode(canonical_json(statement)).decode()
    bundle["dsseEnvelope"]["payload"] = payload
    return parse_checkpoint(canonical_json(bundle), None)


def _spool(version: int, _folder: Path) -> object:
    header = [version, "prod", "credit", "r1", "sha256:" + "a" * 64, "one", ["age"], 1]
    return decode(msgspec.msgpack.encode(header), is_first=True)


def _packed(version: int, _folder: Path) -> None:
    block = PackedBlock(1, 1, 1)
    require_whole(PackedDirectory(version, "a", "b", "c", block, block, "", ()), 10)


@dataclass(frozen=True, slots=True)
class _Expired:
    """A segment whose records expired, as another version says."""

    stem: str
    signed: bytes
    statement: bytes

    def checkpoint(self) -> bytes:
        return self.signed

    def expiry(self) -> bytes:
        return self.statement


def _expired(version: int, folder: Path) -> object:
    signer = generate_key(folder / "log.pem")
    checkpoint = _checkpoint(1, folder)
    assert isinstance(checkpoint, Checkpoint)
    whole = replace(checkpoint, version=CHECKPOINT_FILE.version)
    predicate: dict[str, JsonValue] = {"version": version, "sequences": "0+1"}
    statement = Statement((Digest(whole.content),), EXPIRY, predicate)
    segment = _Expired(
        "one", render_checkpoint(whole, signer), sign_statement(statement, signer).render()
    )
    return read_expired(cast(StoredSegment, segment), signer.public_key())


READERS: Mapping[str, Callable[[int, Path], object]] = {
    "the declaration": _text("goldenpath.toml", lambda path: load_project(path.parent)),
    "the contract": _json("c", lambda path: parse_contract(path.read_bytes())),
    "the runtime": _json("r", lambda path: parse_runtime(path.read_bytes())),
    "the reference profile": _json("p", lambda path: parse_profile(path.read_bytes())),
    "the platform": _text("platform.toml", lambda path: parse_platform(path.read_bytes())),
    "the placement": _json("release.yaml", lambda path: parse_placement(path.read_bytes())),
    "the pins of a base image": lambda version, folder: read_pins(_pins(version, folder)),
    "the trusted commits": _json("trust.json", read_pin),
    "the audit log": _json("line", lambda path: parse_link(path.read_bytes())),
    "the spool": _spool,
    "prediction records": lambda version, _: require_version(str(version).encode(), "segment"),
    "checkpoints": _checkpoint,
    "packed segments": _packed,
    "statements that records expired": _expired,
    "legal holds": _json("holds/case.json", lambda path: read_holds(Home(path.parents[1]))),
    "labels": _labels,
    "counts of the drift monitor": _json("watch.json", lambda path: read_watch(path, 3)),
    "findings": _json("one.json", lambda path: load_finding(path.parent, "one")),
    "the status of `goldenpath up`": _json("status.json", read_status),
}


def _pins(version: int, folder: Path) -> Path:
    shipped = next((ROOT.parent / "src" / "goldenpath" / "images").rglob("debian-12.toml"))
    text = re.sub(r"(?m)^version = \d+$", f"version = {version}", shipped.read_text(), count=1)
    (folder / "pins.toml").write_text(text)
    return folder / "pins.toml"


@pytest.mark.parametrize("kind", READ, ids=lambda kind: str(kind.name))
def test_a_newer_version_is_refused_with_the_cure(kind: StoredFormat, tmp_path: Path) -> None:
    reader = READERS[kind.name]

    with pytest.raises(InvalidInput, match=f"version {kind.version + 1}: expected") as refused:
        reader(kind.version + 1, tmp_path)

    assert refused.value.hint == CURE


def test_what_an_old_home_holds_is_read(old: Home) -> None:
    (watch, *_others) = sorted(old.drift.rglob("*.json"))
    checkpoints = [
        parse_checkpoint(path.read_bytes(), None)
        for path in old.predictions.rglob("*.checkpoint.json")
    ]
    tables = list(old.predictions.rglob("*.parquet"))
    versions = {(pq.read_schema(path).metadata or {})[b"goldenpath.version"] for path in tables}

    assert read_watch(watch, 4).stage == "dev"
    assert {each.version for each in checkpoints} == {1}
    assert versions == {b"3"}
    for version in versions:
        require_version(version, "segment")


def test_a_finding_of_version_1_becomes_one_of_today(tmp_path: Path) -> None:
    known = {
        "version": 1, "id": "one", "stage": "prod", "model": "credit", "release": "sha256:a",
        "opened_at": "2026-11-01T00:00:00Z", "since": "2026-10-31T00:00:00Z", "psi": 0.3,
        "features": ["age", "income"], "new_values": [], "sentence": "age moved", "rows": 12,
    }  # fmt: skip
    (tmp_path / "one.json").write_bytes(canonical_json(known))

    finding = load_finding(tmp_path, "one")

    assert (finding.feature, finding.size, finding.state) == ("age, income", 0.3, "open")


def test_the_version_of_an_older_packed_file_is_known(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="does not fit"):  # since it is empty
        _packed(1, tmp_path)
    with pytest.raises(InvalidInput, match="version 0"):
        _packed(0, tmp_path)


def test_the_tests_of_older_versions_exist() -> None:
    tests = "".join(path.read_text() for path in ROOT.rglob("test_*.py"))
    older = {kind.name for kind in FORMATS if len(kind.versions) > 1}

    assert older == set(OLDER)
    assert not [name for names in OLDER.values() for name in names if f"def {name}(" not in tests]


@pytest.mark.parametrize("version", [0, "1", None, True, 1.5])
def test_what_is_no_version_is_refused(version: object) -> None:
    with pytest.raises(InvalidInput):
        FORMATS[0].require(version, "it")
