"""An installed goldenpath against its RECORD and against a signed statement, and ways to cheat."""

import base64
import hashlib
import json
import py_compile
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from goldenpath.audit.installation.installed_files import (
    Installation,
    find_installation,
    read_installation,
)
from goldenpath.audit.installation.release_statement import (
    ReleasedFiles,
    release_statement,
    verify_release,
)
from goldenpath.audit.installation.self_verification import (
    SelfVerification,
    verify_installation,
)
from goldenpath.audit.installation.wheel_record import parse_record
from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.release.attest.bundle import sign_statement
from goldenpath.release.attest.keys import PemSigner, generate_key, key_from_pem, public_pem
from goldenpath.release.attest.policy import TrustedKey
from goldenpath.release.attest.statement import Statement
from releasing.wheel_build import BuiltWheel, SourceCommit, build_wheel
from tests.releasing.small_project import TIME
from tests.sizes import full_size

ROOT = Path(__file__).parent.parent.parent.parent


@pytest.fixture(scope="module")
def wheel() -> BuiltWheel:
    """The wheel of the commit that is checked out."""
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return build_wheel(ROOT, SourceCommit(head.stdout.strip(), TIME))


@pytest.fixture(scope="module")
def installed(wheel: BuiltWheel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prefix that pip installed it into, with bytecode of two modules."""
    folder = tmp_path_factory.mktemp("installed")
    (folder / wheel.name).write_bytes(wheel.content)
    subprocess.run(
        [
            sys.executable, "-m", "pip", "install", "--quiet", "--isolated", "--no-index",
            "--no-deps", "--disable-pip-version-check", "--no-compile", "--ignore-installed",
            "--prefix", str(folder / "prefix"),
            str(folder / wheel.name),
        ],
        check=True,
    )  # fmt: skip
    for name in ("digest", "errors"):
        source = packages_of(folder / "prefix") / "goldenpath" / f"{name}.py"
        py_compile.compile(str(source), str(cache_of(source)), doraise=True)
    return folder / "prefix"


def cache_of(source: Path) -> Path:
    """Where Python looks for the bytecode of a module, wherever the tests keep theirs."""
    return source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"


def packages_of(prefix: Path) -> Path:
    (found,) = prefix.glob("lib/python*/site-packages")
    return found


@pytest.fixture
def packages(installed: Path, tmp_path: Path) -> Path:
    """A copy to cheat in, with the times that its bytecode was made from."""
    shutil.copytree(installed, tmp_path / "prefix", symlinks=True)
    return packages_of(tmp_path / "prefix")


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> PemSigner:
    return generate_key(tmp_path_factory.mktemp("keys") / "release.pem")


def trusted(signer: PemSigner) -> TrustedKey:
    return key_from_pem("release", public_pem(signer))


def released(wheel: BuiltWheel) -> ReleasedFiles:
    return ReleasedFiles(wheel.version, "a" * 40, wheel.digest, wheel.files)


def installation(packages: Path) -> Installation:
    (information,) = packages.glob("goldenpath-*.dist-info")
    return read_installation(PathDistribution(information), packages / "goldenpath")


def verified(packages: Path, wheel: BuiltWheel | None = None) -> SelfVerification:
    statement = None if wheel is None else released(wheel)
    return verify_installation(installation(packages), statement, "release")


def rewrite_record(packages: Path, path: str) -> None:
    """What somebody does who changes a file and knows of RECORD."""
    (record,) = packages.glob("goldenpath-*.dist-info/RECORD")
    digest = hashlib.sha256((packages / path).read_bytes()).digest()
    text = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    lines = [line for line in record.read_text().splitlines() if not line.startswith(f"{path},")]
    record.write_text("\n".join([*lines, f"{path},sha256={text},1"]) + "\n")


def test_what_is_installed_is_verified_against_record_and_says_who_signed_it(
    packages: Path, wheel: BuiltWheel
) -> None:
    found = verified(packages)
    signed = verified(packages, wheel)

    assert (found.holds, found.faults, found.basis) == (True, (), "RECORD, which nobody signed")
    assert found.unknown[0].startswith("who made these files")
    assert (signed.holds, signed.basis) == (True, "a statement signed by release")
    assert not signed.unknown[0].startswith("who made these files")
    assert signed.verified == len(wheel.files) + 3, "two caches, and the command"
    assert len(wheel.files) > 400


CHEATS = (
    ("append", "goldenpath/digest.py", "changed"),
    ("append", "goldenpath/py.typed", "changed"),
    ("remove", "goldenpath/demo/road.py", "missing"),
    ("add", "goldenpath/more.py", "added"),
    ("add", "goldenpath/more.so", "added"),
    ("add", "goldenpath/__pycache__/more.cpython-311.pyc", "added"),
    ("link", "goldenpath/digest.py", "changed"),
    ("folder", "goldenpath/more", "added"),
    ("bytecode", "goldenpath/__pycache__/digest.cpython-311.pyc", "changed"),
    ("rubbish", "goldenpath/__pycache__/digest.cpython-311.pyc", "changed"),
)


def _cheats() -> Iterator[object]:
    """Each cheat with and without a statement; `make test` has each of them once."""
    full = full_size("test_a_file_that_is_not_as_released_is_named")
    for number, cheat in enumerate(CHEATS):
        for is_signed in (False, True):
            is_small = number % 2 == is_signed
            yield pytest.param(*cheat, is_signed, marks=() if is_small else full)


@pytest.mark.parametrize(("cheat", "path", "kind", "is_signed"), tuple(_cheats()))
def test_a_file_that_is_not_as_released_is_named(
    packages: Path, wheel: BuiltWheel, tmp_path: Path, cheat: str, path: str, kind: str,
    is_signed: bool,
) -> None:  # fmt: skip
    file = Path(str(packages / path).replace("cpython-311", sys.implementation.cache_tag or ""))
    file.parent.mkdir(exist_ok=True)
    match cheat:
        case "append":
            file.write_bytes(file.read_bytes() + b"\n")
        case "remove":
            file.unlink()
        case "add":
            file.write_bytes(b"")
        case "link":
            file.rename(tmp_path / "original")
            file.symlink_to(tmp_path / "original")
        case "folder":
            file.symlink_to(packages / "goldenpath" / "oci")
        case "bytecode":
            (tmp_path / "evil.py").write_text("print('evil')\n")
            py_compile.compile(str(tmp_path / "evil.py"), str(file), doraise=True)
        case _:
            file.write_bytes(file.read_bytes()[:40])

    found = verified(packages, wheel if is_signed else None)

    assert not found.holds
    fault = next(each for each in found.faults if (packages / each.path) == file)
    assert fault.kind == kind


def test_a_record_that_was_rewritten_passes_and_a_statement_does_not(
    packages: Path, wheel: BuiltWheel
) -> None:
    """The reason why the answer without a statement says what it does not know."""
    path = "goldenpath/settings.py"
    (packages / path).write_text("# mine\n")
    rewrite_record(packages, path)
    shutil.rmtree(packages / "goldenpath" / "__pycache__")

    assert verified(packages).holds
    (fault,) = verified(packages, wheel).faults
    assert (fault.path, fault.kind) == (path, "changed")
    assert fault.expected == wheel.files[path].text


def test_a_file_that_only_a_rewritten_record_names_is_added(
    packages: Path, wheel: BuiltWheel
) -> None:
    (packages / "goldenpath" / "more.py").write_text("")
    rewrite_record(packages, "goldenpath/more.py")

    assert [each.kind for each in verified(packages, wheel).faults] == ["added"]


def test_bytecode_of_another_python_is_said_to_be_unknown(packages: Path) -> None:
    cache = packages / "goldenpath" / "__pycache__" / "digest.cpython-399.pyc"
    cache.write_bytes(b"other version of the format")

    found = verified(packages)

    assert found.holds
    assert any("1 bytecode files of another version of Python" in each
               for each in found.unknown)  # fmt: skip


def test_bytecode_that_is_kept_elsewhere_is_said_to_be_unknown(packages: Path) -> None:
    found = verify_installation(installation(packages), None, "", bytecode_folder="elsewhere")

    assert "the bytecode in elsewhere: not checked" in found.unknown


def test_a_statement_of_another_version_is_refused(packages: Path, wheel: BuiltWheel) -> None:
    other = replace(released(wheel), version="9.9.9")

    with pytest.raises(VerificationError, match=r"of version 9\.9\.9: expected "):
        verify_installation(installation(packages), other, "release")


def test_a_statement_is_read_back_as_it_was_signed(wheel: BuiltWheel, signer: PemSigner) -> None:
    statement = release_statement(released(wheel), {"bill": wheel.digest})
    bundle = sign_statement(statement, signer).render()

    assert verify_release(bundle, trusted(signer)) == released(wheel)


def test_a_statement_by_another_key_is_refused(
    wheel: BuiltWheel, signer: PemSigner, tmp_path: Path
) -> None:
    other = generate_key(tmp_path / "other.pem")
    bundle = sign_statement(release_statement(released(wheel), {}), other).render()

    with pytest.raises(VerificationError, match="is not signed by the key release"):
        verify_release(bundle, trusted(signer))


def test_a_statement_that_was_changed_after_signing_is_refused(
    wheel: BuiltWheel, signer: PemSigner
) -> None:
    bundle = json.loads(sign_statement(release_statement(released(wheel), {}), signer).render())
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"]).replace(b"a" * 40, b"b" * 40)
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()

    with pytest.raises(VerificationError):
        verify_release(json.dumps(bundle).encode(), trusted(signer))


def test_a_statement_about_something_else_is_refused(wheel: BuiltWheel, signer: PemSigner) -> None:
    statement = Statement((wheel.digest,), "https://slsa.dev/provenance/v1", {})
    bundle = sign_statement(statement, signer).render()

    with pytest.raises(InvalidInput, match=r"expected .*python-release/v1"):
        verify_release(bundle, trusted(signer))


def test_a_work_tree_has_no_record(packages: Path) -> None:
    with pytest.raises(NotFound, match="runs from"):
        find_installation(ROOT / "src" / "goldenpath")
    with pytest.raises(NotFound, match="RECORD is about"):
        read_installation(
            PathDistribution(next(packages.glob("*.dist-info"))), ROOT / "src" / "goldenpath"
        )


@pytest.mark.parametrize(
    "text",
    ["a,b\n", "a,sha256=x,1\na,sha256=x,1\n", "/etc/passwd,,\n", "a,md5=AAAA,1\n", "a,sha256=!,1\n",
     '"a\n', "a,sha256=AAAA,1\n", "a\\b,,\n"],
)  # fmt: skip
def test_a_record_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="RECORD"):
        parse_record(text)
