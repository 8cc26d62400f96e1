"""What git wants, without reading again what did not change: each manifest is parsed once per blob.

A thousand models over three stages are three thousand files, of which a commit changes one or two.
"""

import hashlib
import os
from dataclasses import fields
from pathlib import Path

import msgspec

from goldenpath import __version__
from goldenpath.errors import Unavailable
from goldenpath.gitops.desired import Deployment, Slot
from goldenpath.gitops.manifests import SERVICE_FILE, Survey, survey
from goldenpath.gitops.trust import Trusted
from goldenpath.gitops.worktree import Repository
from goldenpath.promote.platform import Platform

FOLDER = "envs"


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    """What one blob at one path says."""

    blob: str
    deployment: Deployment | None
    name: str
    problem: str
    ignored: tuple[str, ...]


class _Cache(msgspec.Struct):
    version: int
    key: str
    files: dict[str, _Kept]


class Surveyor:
    """Surveys commits of one repository; with `file`, what it learned outlives the process."""

    def __init__(self, repository: Repository, file: Path | None = None) -> None:
        self._repository = repository
        self._file = file
        self._key = ""
        self._kept: dict[str, _Kept] = {}

    def survey(self, trusted: Trusted) -> Survey:
        """The same as `goldenpath.gitops.manifests.survey` of every file below `envs/`."""
        self._recall(_key(trusted.platform))
        entries = {
            path: blob
            for path, blob in self._repository.entries(trusted.commit, FOLDER).items()
            if path.endswith(f"/{SERVICE_FILE}")
        }
        new = [path for path, blob in entries.items() if not self._knows(path, blob)]
        contents = self._repository.blobs([entries[path] for path in new])
        for path, content in zip(new, contents, strict=True):
            self._kept[path] = _look(path, entries[path], content or b"", trusted.platform)
        gone = self._kept.keys() - entries.keys()
        for path in gone:
            del self._kept[path]
        if new or gone:
            self._remember()
        return _together([self._kept[path] for path in sorted(entries)])

    def _knows(self, path: str, blob: str) -> bool:
        return path in self._kept and self._kept[path].blob == blob

    def _recall(self, key: str) -> None:
        if self._key == key:
            return
        self._key, self._kept = key, {}
        if self._file is None or not self._file.is_file():
            return
        try:
            found = msgspec.msgpack.decode(self._file.read_bytes(), type=_Cache)
        except (msgspec.DecodeError, msgspec.ValidationError):
            return  # written by another version or cut short: everything is read again
        if found.version == 1 and found.key == key:
            self._kept = found.files

    def _remember(self) -> None:
        if self._file is None:
            return
        content = msgspec.msgpack.encode(_Cache(1, self._key, self._kept))
        new = self._file.with_name(f"{self._file.name}.{os.getpid()}.new")
        try:
            new.write_bytes(content)
            new.replace(self._file)
        except OSError as error:
            new.unlink(missing_ok=True)
            raise Unavailable(
                f"{self._file} cannot be written: {error.strerror}",
                hint="check that its disk has room and is writable",
            ) from error


def _key(platform: Platform) -> str:
    """What decides how a manifest is read and kept: the platform, and this program."""
    shape = [field.name for kind in (Deployment, Slot) for field in fields(kind)]
    stages = [stage.name for stage in platform.stages]
    said = [__version__, *shape, "", platform.registry_prefix, *stages]
    return hashlib.sha256("\0".join(said).encode()).hexdigest()


def _look(path: str, blob: str, content: bytes, platform: Platform) -> _Kept:
    found = survey({path: content}, platform)
    for name, problem in found.problems.items():
        return _Kept(blob, None, name, problem, found.ignored)
    deployment = next(iter(found.deployments), None)
    return _Kept(blob, deployment, "", "", found.ignored)


def _together(kept: list[_Kept]) -> Survey:
    return Survey(
        tuple(each.deployment for each in kept if each.deployment is not None),
        {each.name: each.problem for each in kept if each.problem},
        tuple(field for each in kept for field in each.ignored),
    )
