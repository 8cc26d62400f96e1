"""Builds the wheel twice from what a commit holds, and refuses it if the two differ."""

import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from goldenpath.audit.installation.wheel_record import parse_record
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Unavailable, VerificationError


@dataclass(frozen=True, slots=True)
class SourceCommit:
    """The commit that a release is made of."""

    id: str
    time: datetime
    """Of the committer: the only clock that a reproducible build may read."""


@dataclass(frozen=True, slots=True)
class BuiltWheel:
    """A wheel that came out the same twice."""

    name: str
    version: str
    content: bytes
    files: dict[str, Digest]
    """Every file in it but RECORD."""

    @property
    def digest(self) -> Digest:
        """The digest of the wheel."""
        return Digest.of(self.content)


def source_commit(repository: Path) -> SourceCommit:
    """The commit that is checked out. Raises `InvalidInput` if the work tree differs from it."""
    changed = _git(repository, "status", "--porcelain").decode().splitlines()
    if changed:
        raise InvalidInput(
            f"the work tree has {len(changed)} changes that no commit holds, first {changed[0]}",
            hint="commit or stash them: a release is made of a commit",
        )
    commit, seconds = _git(repository, "log", "-1", "--format=%H %ct").decode().split()
    return SourceCommit(commit, datetime.fromtimestamp(int(seconds), UTC))


def build_wheel(repository: Path, commit: SourceCommit) -> BuiltWheel:
    """The wheel of a commit. Raises `VerificationError` if a second build differs from the first.

    The second runs in another folder, with another time zone, mask and order of hashes.
    """
    archive = _git(repository, "archive", "--format=tar", commit.id)
    first = _build(archive, commit, {"TZ": "UTC", "PYTHONHASHSEED": "1"}, 0o022)
    second = _build(archive, commit, {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "2"}, 0o077)
    if first != second:
        raise VerificationError(
            f"two builds of {commit.id[:12]} differ: "
            f"{Digest.of(first[1]).short} and {Digest.of(second[1]).short}"
        )
    name, content = first
    return BuiltWheel(name, name.split("-")[1], content, _files(content))


def _build(
    archive: bytes, commit: SourceCommit, more: dict[str, str], mask: int
) -> tuple[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "source", Path(folder) / "made"
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(source, filter="data")
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "SOURCE_DATE_EPOCH": str(int(commit.time.timestamp())),
            **more,
        }
        done = subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(made)],
            cwd=source, env=environment, umask=mask, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise Unavailable(f"the wheel cannot be built: {done.stderr.strip()[-500:]}")
        (wheel,) = made.glob("*.whl")
        return wheel.name, wheel.read_bytes()


def _files(wheel: bytes) -> dict[str, Digest]:
    """The digests of the content, which RECORD must confirm."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as opened:
        (record,) = (name for name in opened.namelist() if name.endswith(".dist-info/RECORD"))
        listed = {each.path: each.digest for each in parse_record(opened.read(record).decode())}
        found = {name: Digest.of(opened.read(name)) for name in opened.namelist() if name != record}
    if found != {path: digest for path, digest in listed.items() if path != record}:
        raise VerificationError("RECORD of the wheel is not that of its files")
    return found


def _git(repository: Path, *arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=repository, capture_output=True, check=False)
    if done.returncode != 0:
        raise Unavailable(f"git {arguments[0]} failed: {done.stderr.decode().strip()[:300]}")
    return done.stdout
