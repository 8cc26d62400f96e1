"""The desired state in git, with a cache: each manifest is parsed once for each blob.

A thousand models in three stages are nine thousand files, and a commit changes a few of them.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import msgspec

from goldenpath.files import publish
from goldenpath.promote.manifests.deployment_files import Survey, by_folder, survey
from goldenpath.promote.manifests.desired import Deployment, Restrictions, Scaling, Slot
from goldenpath.promote.platform.break_glass import BreakGlass
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.promote.repository.worktree import Repository
from goldenpath.version import __version__

FOLDER = "envs"
_VERSION = 4
"""Of the cache's own format."""


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    """The parsed files of one deployment."""

    blobs: str
    """Path and blob id of each of its files."""
    deployment: Deployment | None
    name: str
    problem: str
    ignored: tuple[str, ...]
    standing: Restrictions | None


class _Cache(msgspec.Struct):
    version: int
    key: str
    files: dict[str, _Kept]


class Surveyor:
    """Surveys commits of one repository; with `file`, its cache outlives the process."""

    def __init__(self, repository: Repository, file: Path | None = None) -> None:
        self._repository = repository
        self._file = file
        self._key = ""
        self._kept: dict[str, _Kept] = {}

    def survey(self, trusted: Trusted) -> Survey:
        """Return what `deployment_files.survey` returns for every file below `envs/`."""
        self._load(_key(trusted.platform))
        entries = self._repository.entries(trusted.commit, FOLDER)
        folders = by_folder(entries)
        declared = {
            folder: "\n".join(f"{path} {entries[path]}" for path in paths)
            for folder, paths in folders.items()
        }
        new = [folder for folder, blobs in declared.items() if not self._knows(folder, blobs)]
        changed = [path for folder in new for path in folders[folder]]
        contents = self._repository.deployment_files([entries[path] for path in changed])
        files = {path: content or b"" for path, content in zip(changed, contents, strict=True)}
        for folder in new:
            own = {path: files[path] for path in folders[folder]}
            self._kept[folder] = _parsed(declared[folder], own, trusted.platform)
        gone = self._kept.keys() - declared.keys()
        for folder in gone:
            del self._kept[folder]
        if new or gone:
            self._save()
        return _merged([self._kept[folder] for folder in sorted(declared)])

    def _knows(self, folder: str, blobs: str) -> bool:
        return folder in self._kept and self._kept[folder].blobs == blobs

    def _load(self, key: str) -> None:
        if self._key == key:
            return
        self._key, self._kept = key, {}
        if self._file is None or not self._file.is_file():
            return
        try:
            cache = msgspec.msgpack.decode(self._file.read_bytes(), type=_Cache)
        except (msgspec.DecodeError, msgspec.ValidationError, RecursionError):
            return  # written by another version or cut short: everything is parsed again
        if cache.version == _VERSION and cache.key == key:
            self._kept = cache.files

    def _save(self) -> None:
        if self._file is None:
            return
        with suppress(OSError):  # a full disk, or a copy of a home that may only be read
            publish(self._file, msgspec.msgpack.encode(_Cache(_VERSION, self._key, self._kept)))


def _key(platform: Platform) -> str:
    """Return a digest of everything that decides how a manifest is parsed and cached.

    These are the program's version, the fields of the values, and the platform.
    """
    shape = [
        field.name
        for kind in (Deployment, Slot, Scaling, Restrictions, BreakGlass)
        for field in fields(kind)
    ]
    stages = [stage.name for stage in platform.stages]
    parts = [__version__, *shape, "", platform.registry_prefix, *stages]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _parsed(blobs: str, files: Mapping[str, bytes], platform: Platform) -> _Kept:
    result = survey(files, platform)
    standing = next(iter(result.standing.values()), None)
    for name, problem in result.problems.items():
        return _Kept(blobs, None, name, problem, result.ignored, standing)
    deployment = next(iter(result.deployments), None)
    name = next(iter(result.standing), "") if deployment is None else deployment.name
    return _Kept(blobs, deployment, name, "", result.ignored, standing)


def _merged(kept: list[_Kept]) -> Survey:
    return Survey(
        tuple(each.deployment for each in kept if each.deployment is not None),
        {each.name: each.problem for each in kept if each.problem},
        tuple(field for each in kept for field in each.ignored),
        {each.name: each.standing for each in kept if each.standing is not None},
    )
