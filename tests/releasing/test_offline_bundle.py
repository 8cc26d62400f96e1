"""The bundle for networks without an index, unpacked and installed where there is no network."""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from releasing.offline_bundle import bundle_name, pack_bundle, requirements
from releasing.wheel_build import BuiltWheel, SourceCommit, build_wheel
from tests.releasing.small_project import make_project
from tests.sizes import full_size

REAL = "GOLDENPATH_TEST_BUNDLE"
"""Names a tar of `make release`, for the test that installs it whole."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[BuiltWheel, SourceCommit]:
    folder = tmp_path_factory.mktemp("project")
    commit = make_project(folder)
    return build_wheel(folder, commit), commit


def bundle(built: tuple[BuiltWheel, SourceCommit]) -> bytes:
    wheel, commit = built
    files = {"requirements.txt": requirements(wheel, ()), "statement.json": b"{}"}
    return pack_bundle(wheel, commit, {}, files, statement="statement.json")


@pytest.fixture
def unpacked(built: tuple[BuiltWheel, SourceCommit], tmp_path: Path) -> Path:
    with tarfile.open(fileobj=io.BytesIO(bundle(built))) as tar:
        tar.extractall(tmp_path, filter="data")
    return tmp_path / bundle_name(built[0])


def install(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Runs the script where no network can be reached, and with settings that lead elsewhere."""
    unshare = ["unshare", "--map-root-user", "--net"] if _can_unshare() else []
    environment = {**os.environ, "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_NO_INDEX": "0"}
    return subprocess.run(
        [*unshare, sys.executable, str(folder / "install.py"), *arguments],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def _can_unshare() -> bool:
    command = ["unshare", "--map-root-user", "--net", "true"]
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_the_same_wheels_give_the_same_bundle(built: tuple[BuiltWheel, SourceCommit]) -> None:
    assert bundle(built) == bundle(built)


def test_the_manifest_names_every_file_by_digest(unpacked: Path) -> None:
    manifest = json.loads((unpacked / "manifest.json").read_bytes())
    present = {p.relative_to(unpacked).as_posix() for p in unpacked.rglob("*") if p.is_file()}

    assert present == {*manifest["files"], "manifest.json"}
    for name, digest in manifest["files"].items():
        assert Digest.of((unpacked / name).read_bytes()).hex == digest


@full_size("test_another_wheel_under_the_same_name_is_refused_by_pip")
def test_it_installs_into_a_new_environment_without_a_network(
    unpacked: Path, tmp_path: Path
) -> None:
    done = install(unpacked, str(tmp_path / "environment"), "--key", "release.pub")

    assert done.returncode == 0, done.stderr
    assert "called with verify-self and 4 more" in done.stdout
    assert "goldenpath 0.0.7 is installed" in done.stdout
    assert (tmp_path / "environment" / "bin" / "goldenpath").is_file()


@pytest.mark.parametrize(
    ("cheat", "reason"),
    [
        ("change", "requirements.txt has the wrong digest: expected"),
        ("remove", "statement.json is missing"),
        ("add", "wheelhouse/more.whl is not in manifest.json"),
        ("link", "requirements.txt is missing"),
    ],
)
def test_a_bundle_that_is_not_as_published_installs_nothing(
    unpacked: Path, tmp_path: Path, cheat: str, reason: str
) -> None:
    match cheat:
        case "change":
            (unpacked / "requirements.txt").write_text("")
        case "remove":
            (unpacked / "statement.json").unlink()
        case "add":
            (unpacked / "wheelhouse" / "more.whl").write_bytes(b"")
        case _:
            (unpacked / "requirements.txt").rename(tmp_path / "elsewhere")
            (unpacked / "requirements.txt").symlink_to(tmp_path / "elsewhere")

    done = install(unpacked, str(tmp_path / "environment"))

    assert (done.returncode, reason in done.stderr) == (4, True), done.stderr
    assert not (tmp_path / "environment").exists()


def test_another_wheel_under_the_same_name_is_refused_by_pip(
    unpacked: Path, tmp_path: Path
) -> None:
    """Somebody who also writes the manifest anew still lacks the digest in the requirements."""
    (wheel,) = (unpacked / "wheelhouse").iterdir()
    wheel.write_bytes(wheel.read_bytes() + b"\0")
    manifest = json.loads((unpacked / "manifest.json").read_bytes())
    name = wheel.relative_to(unpacked).as_posix()
    manifest["files"][name] = Digest.of(wheel.read_bytes()).hex
    (unpacked / "manifest.json").write_text(json.dumps(manifest))

    done = install(unpacked, str(tmp_path / "environment"))

    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not (tmp_path / "environment" / "bin" / "goldenpath").exists()


def test_another_python_is_refused_with_the_cure(unpacked: Path, tmp_path: Path) -> None:
    manifest = json.loads((unpacked / "manifest.json").read_bytes())
    (unpacked / "manifest.json").write_text(json.dumps({**manifest, "python": "3.99"}))

    done = install(unpacked, str(tmp_path / "environment"))

    assert done.returncode == 2
    assert "expected 3.99" in done.stderr
    assert "hint: run python3.99 install.py" in done.stderr


@pytest.mark.interop
@pytest.mark.timeout(1200)
def test_the_real_bundle_installs_and_verifies_itself_without_a_network(tmp_path: Path) -> None:
    if REAL not in os.environ:
        pytest.skip(f"{REAL} names no bundle: the real one was not installed by this run")
    with tarfile.open(os.environ[REAL]) as tar:
        tar.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    done = install(folder, str(tmp_path / "environment"))

    assert done.returncode == 0, done.stderr
    assert "holds" in done.stdout
