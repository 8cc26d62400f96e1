"""Which commits are trusted: an unbroken chain of signatures from a pinned first commit.

Every commit must be signed by somebody whom `platform.toml` of its *parent* lists, so nobody can
list themselves. After set-up every change of trust needs two people. Machines may only shift
traffic between releases that are there.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

import msgspec

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, Unavailable, VerificationError
from goldenpath.files import write_whole
from goldenpath.parsers.typed import read_typed
from goldenpath.promote.manifests.deployment_files import (
    RELEASE_FILE,
    SERVICE_FILE,
    parse_deployments,
)
from goldenpath.promote.manifests.placement import parse_placement
from goldenpath.promote.manifests.restrictions import Files, Step, refusal
from goldenpath.promote.platform.platform import FILE, Platform, parse_platform
from goldenpath.promote.repository.commit import Commit, parse_commit
from goldenpath.promote.repository.commit_signature import verify_commit
from goldenpath.promote.repository.countersign import check_trust
from goldenpath.promote.repository.worktree import Repository

_MACHINE_PATH = re.compile(r"envs/[^/]+/[^/]+/(inferenceservice|release)\.yaml")
_TOGETHER = 200
"""How many commits' files are read in one call of git."""
_SKEW = timedelta(minutes=15)
"""How far the clocks of two committers may differ; a larger difference is a backdated commit."""


@dataclass(frozen=True, slots=True)
class Trusted:
    """A commit whose whole chain is verified, and the platform that it declares."""

    commit: str
    platform: Platform


@dataclass(frozen=True, slots=True)
class Pin:
    """The commits that this machine trusts: the first one, and the last one that was verified."""

    root: str
    verified: str


class _PinFile(msgspec.Struct):
    version: Literal[1]
    root: str
    verified: str


def follow(repository: Repository, pin_file: Path) -> Trusted:
    """Fetch `main` and verify the commits that are new since the last time.

    Raises `VerificationError` for a commit that is not trusted, `Unavailable` if the remote cannot
    be reached. In both cases the pin stays as it was.
    """
    pin = read_pin(pin_file)
    head = repository.fetch()
    if head != pin.verified:
        verify_chain(repository, pin, head)
        write_pin(pin_file, Pin(pin.root, head))
    return Trusted(head, platform_at(repository, head))


def last_trusted(repository: Repository, pin_file: Path) -> Trusted:
    """Return the last verified commit, without asking the remote."""
    commit = read_pin(pin_file).verified
    return Trusted(commit, platform_at(repository, commit))


def platform_at(repository: Repository, commit: str) -> Platform:
    """Return the `platform.toml` of `commit`. Raises `NotFound` or `InvalidInput`."""
    content = repository.read(commit, FILE)
    if content is None:
        raise NotFound(f"commit {commit[:12]} of the gitops repository has no {FILE}")
    return parse_platform(content)


def verify_chain(repository: Repository, pin: Pin, end: str) -> None:
    """Verify every commit after `pin.verified` up to `end`; all commits, if none was verified yet.

    Raises `VerificationError` at the first that is not trusted.
    """
    start = pin.verified or None
    if start is not None and not repository.contains(start, end):
        raise VerificationError(
            f"the history of the gitops repository was rewritten: {start[:12]} is gone",
            hint="find out who rewrote it; goldenpath events shows what was followed before",
        )
    ids = repository.between(start, end)
    raw = repository.raw(ids)
    platforms = _Platforms(repository)
    for begin in range(0, len(ids), _TOGETHER):
        commits = repository.commits(ids[begin : begin + _TOGETHER])
        placed = _placed(repository, commits)
        for commit in commits:
            if not commit.parents:
                _check_root(commit, raw[commit.id], pin, platforms)
            for parent in commit.parents:
                signer = _check_one(repository, commit, raw[commit.id], parent, platforms=platforms)
                _check_restrictions(
                    repository, commit, parent, signer, platform=platforms.at(parent), placed=placed
                )


def read_pin(file: Path) -> Pin:
    """Return the pinned commits. Raises `NotFound` if no platform was set up on this machine."""
    try:
        pin = read_typed(file, _PinFile)
    except FileNotFoundError as error:
        raise NotFound(
            f"no platform was set up here: {file} does not exist",
            hint="run goldenpath init, or name the folder of a platform in GOLDENPATH_HOME",
        ) from error
    return Pin(pin.root, pin.verified)


def write_pin(file: Path, pin: Pin) -> None:
    """Replace the pin; after a crash the file holds the old pin or the new one."""
    value = {"version": 1, "root": pin.root, "verified": pin.verified}
    try:
        write_whole(file, f"{json.dumps(value, indent=2)}\n".encode())
    except OSError as error:
        raise Unavailable(
            f"{file} cannot be written: {error.strerror}",
            hint="check that its disk has room and is writable",
        ) from error


class _Platforms:
    """The `platform.toml` of many commits; each different file is read and parsed once."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._parsed: dict[str, Platform] = {}
        self._ids: dict[str, str] = {}

    def at(self, commit: str) -> Platform:
        if commit not in self._ids:
            (blob,) = self._repository.blob_ids([commit], FILE)
            if blob is None:
                raise VerificationError(
                    f"commit {commit[:12]} has no {FILE}, so it cannot be followed"
                )
            self._ids[commit] = blob
        blob = self._ids[commit]
        if blob not in self._parsed:
            (content,) = self._repository.blobs([blob])
            self._parsed[blob] = parse_platform(content or b"")
        return self._parsed[blob]

    def inherit(self, commit: str, parent: str) -> None:
        """Note that `commit` did not change the file, so it has its parent's."""
        self.at(parent)
        self._ids[commit] = self._ids[parent]


def _check_root(commit: Commit, raw: bytes, pin: Pin, platforms: _Platforms) -> None:
    if commit.id != pin.root:
        raise VerificationError(
            f"the gitops repository begins with {commit.id[:12]}, expected {pin.root[:12]}",
            hint="this is another repository than the one that this machine was set up with",
        )
    verify_commit(commit.id, raw, platforms.at(commit.id).people)


def _check_one(
    repository: Repository, commit: Commit, raw: bytes, parent: str, *, platforms: _Platforms
) -> str:
    """Return who signed the commit. Raises `VerificationError` if they may not make it."""
    platform = platforms.at(parent)
    signer = verify_commit(commit.id, raw, platform.committers)
    (before,) = repository.raw([parent]).values()
    _check_time(commit, parent, before)
    if len(commit.parents) == 1 and FILE not in commit.paths:
        platforms.inherit(commit.id, parent)
    else:
        platforms.at(commit.id)
    check_trust(repository, commit, signer, platform, after=platforms.at(commit.id))
    if signer in {machine.name for machine in platform.commit_keys}:
        refused = _machine_refusal(repository, commit, parent, platform)
        if refused:
            raise VerificationError(
                f"commit {commit.id[:12]} by the machine {signer} {refused}",
                hint="machines may only shift traffic between releases that are there",
            )
    return signer


def _placed(repository: Repository, commits: Sequence[Commit]) -> dict[str, bytes | None]:
    """Return both files of every deployment that the commits touch, before and after each."""
    names = [
        f"{each}:{folder}/{file}"
        for commit in commits
        for folder in _folders(commit)
        for each in (*commit.parents, commit.id)
        for file in (SERVICE_FILE, RELEASE_FILE)
    ]
    return dict(zip(names, repository.deployment_files(names), strict=True))


def _folders(commit: Commit) -> list[str]:
    placed = filter(_MACHINE_PATH.fullmatch, commit.paths)
    return sorted({path.rsplit("/", 1)[0] for path in placed})


def _check_restrictions(
    repository: Repository,
    commit: Commit,
    parent: str,
    signer: str,
    *,
    platform: Platform,
    placed: Mapping[str, bytes | None],
) -> None:
    """Raise `VerificationError` for a commit that violates a hold, a freeze or break-glass."""
    for folder in _folders(commit):
        _, name, model = folder.split("/")
        stage = platform.stage(name)
        if stage is None:
            continue
        before, after = (
            Files(*(placed[f"{each}:{folder}/{file}"] for file in (SERVICE_FILE, RELEASE_FILE)))
            for each in (parent, commit.id)
        )

        def was_stable(digest: Digest, path: str = f"{folder}/{SERVICE_FILE}") -> bool:
            return digest in stable_before(repository, parent, path, platform)

        step = Step(before, after, stage, model, signer, commit.time, was_stable)
        refused = refusal(step, platform)
        if refused:
            raise VerificationError(
                f"commit {commit.id[:12]} by {signer} {refused}",
                hint="nobody follows this commit: take it out of main again",
            )


def stable_before(
    repository: Repository, commit: str, path: str, platform: Platform
) -> Iterator[Digest]:
    """Yield the stable releases of a deployment up to `commit`, newest first."""
    for each in repository.history(path, to=commit):
        content = repository.read(each.id, path)
        with suppress(InvalidInput):
            for deployment in parse_deployments({path: content} if content else {}, platform):
                yield deployment.slots[0].digest


def _check_time(commit: Commit, parent: str, raw_parent: bytes) -> None:
    if commit.time < parse_commit(parent, raw_parent).time - _SKEW:
        raise VerificationError(f"commit {commit.id[:12]} is dated before its parent")


def _machine_refusal(
    repository: Repository, commit: Commit, parent: str, platform: Platform
) -> str:
    """Return what the commit does that a machine may not do; empty if nothing."""
    for path in commit.paths:
        if _MACHINE_PATH.fullmatch(path) is None:
            return f"changes {path}"
    for folder in sorted({path.rsplit("/", 1)[0] for path in commit.paths}):
        known = _releases(repository.files(parent, folder), platform)
        after = repository.files(commit.id, folder)
        if f"{folder}/{SERVICE_FILE}" not in after:
            return f"removes {folder}"
        refused = _hold_refusal(repository, parent, commit, folder)
        if refused:
            return refused
        added = _releases(after, platform) - known
        if added:
            return f"brings {min(added)} into {folder}"
    return ""


def _hold_refusal(repository: Repository, parent: str, commit: Commit, folder: str) -> str:
    """Return how a machine ends a hold or changes the rollout plan; empty if it does neither.

    Other restrictions are checked for everybody.
    """
    path = f"{folder}/{RELEASE_FILE}"
    names = [f"{parent}:{path}", f"{commit.id}:{path}"]
    before, after = repository.deployment_files(names)
    old = None if before is None else parse_placement(before, path)
    new = None if after is None else parse_placement(after, path)
    if old is not None and old.hold and (new is None or new.hold != old.hold):
        return f"ends the hold of {folder}"
    if old is not None and (new is None or new.rollout != old.rollout):
        return f"changes how {folder} is judged"
    return ""


def _releases(files: Mapping[str, bytes], platform: Platform) -> set[Digest]:
    """Return the releases that a deployment runs or would go back to. Raises `InvalidInput`."""
    digests: set[Digest] = set()
    for deployment in parse_deployments(files, platform):
        digests |= {slot.digest for slot in deployment.slots}
    for path, content in files.items():
        if path.endswith("/" + RELEASE_FILE):
            placement = parse_placement(content, path)
            digests |= {placement.digest, placement.previous or placement.digest}
    return digests
