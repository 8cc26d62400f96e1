"""Which commits count: an unbroken chain of signatures from a pinned first commit.

Every commit must be signed by somebody whom `platform.toml` of its *parent* lists, so nobody can
list themselves, and after set-up two people must stand for every change of trust. Machines may
shift traffic between releases that are there, and nothing else.
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
"""Commits whose files are read in one go."""
_SKEW = timedelta(minutes=15)
"""How far clocks of two committers may differ; more is a commit that was dated back."""


@dataclass(frozen=True, slots=True)
class Trusted:
    """A commit whose whole chain holds, and the platform that it declares."""

    commit: str
    platform: Platform


@dataclass(frozen=True, slots=True)
class Pin:
    """What this machine knows to be right: the first commit, and the last that was verified."""

    root: str
    verified: str


class _PinFile(msgspec.Struct):
    version: Literal[1]
    root: str
    verified: str


def follow(repository: Repository, pin_file: Path) -> Trusted:
    """Fetches `main` and verifies what is new since the last time.

    Raises `VerificationError` for a commit that does not count, `Unavailable` if the remote
    cannot be reached; in both cases what was trusted before stays what is trusted.
    """
    pin = read_pin(pin_file)
    head = repository.fetch()
    if head != pin.verified:
        verify_chain(repository, pin, head)
        write_pin(pin_file, Pin(pin.root, head))
    return Trusted(head, platform_at(repository, head))


def last_trusted(repository: Repository, pin_file: Path) -> Trusted:
    """The last verified commit, without asking the remote."""
    commit = read_pin(pin_file).verified
    return Trusted(commit, platform_at(repository, commit))


def platform_at(repository: Repository, commit: str) -> Platform:
    """`platform.toml` as it stands in `commit`. Raises `NotFound` or `InvalidInput`."""
    content = repository.read(commit, FILE)
    if content is None:
        raise NotFound(f"commit {commit[:12]} of the gitops repository has no {FILE}")
    return parse_platform(content)


def verify_chain(repository: Repository, pin: Pin, end: str) -> None:
    """Checks every commit after `pin.verified` up to `end`, or from the root if nothing was.

    Raises `VerificationError` at the first that does not count.
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
                _check_standing(
                    repository, commit, parent, signer, platform=platforms.at(parent), placed=placed
                )


def read_pin(file: Path) -> Pin:
    """The pinned commits. Raises `NotFound` if this machine was never told whom to trust."""
    try:
        pin = read_typed(file, _PinFile)
    except FileNotFoundError as error:
        raise NotFound(
            f"no platform was set up here: {file} does not exist",
            hint="run goldenpath init, or name the folder of a platform in GOLDENPATH_HOME",
        ) from error
    return Pin(pin.root, pin.verified)


def write_pin(file: Path, pin: Pin) -> None:
    """Replaces the pin, so that a crash leaves the old one or the new one."""
    value = {"version": 1, "root": pin.root, "verified": pin.verified}
    try:
        write_whole(file, f"{json.dumps(value, indent=2)}\n".encode())
    except OSError as error:
        raise Unavailable(
            f"{file} cannot be written: {error.strerror}",
            hint="check that its disk has room and is writable",
        ) from error


class _Platforms:
    """`platform.toml` of many commits; each different file is read and parsed once."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._parsed: dict[str, Platform] = {}
        self._ids: dict[str, str] = {}

    def at(self, commit: str) -> Platform:
        if commit not in self._ids:
            (blob,) = self._repository.blob_ids([commit], FILE)
            if blob is None:
                raise VerificationError(f"commit {commit[:12]} has no {FILE}: nobody may follow it")
            self._ids[commit] = blob
        blob = self._ids[commit]
        if blob not in self._parsed:
            (content,) = self._repository.blobs([blob])
            self._parsed[blob] = parse_platform(content or b"")
        return self._parsed[blob]

    def inherit(self, commit: str, parent: str) -> None:
        """`commit` did not touch the file, so it has its parent's."""
        self.at(parent)
        self._ids[commit] = self._ids[parent]


def _check_root(commit: Commit, raw: bytes, pin: Pin, platforms: _Platforms) -> None:
    if commit.id != pin.root:
        raise VerificationError(
            f"the gitops repository begins with {commit.id[:12]}, expected {pin.root[:12]}",
            hint="this is another repository than the one this machine was set up with",
        )
    verify_commit(commit.id, raw, platforms.at(commit.id).people)


def _check_one(
    repository: Repository, commit: Commit, raw: bytes, parent: str, *, platforms: _Platforms
) -> str:
    """Who signed it. Raises `VerificationError` if they may not."""
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
        refused = _beyond_a_machine(repository, commit, parent, platform)
        if refused:
            raise VerificationError(
                f"commit {commit.id[:12]} by the machine {signer} {refused}",
                hint="machines may shift traffic between releases that are there, nothing else",
            )
    return signer


def _placed(repository: Repository, commits: Sequence[Commit]) -> dict[str, bytes | None]:
    """Both files of every deployment that the commits touch, before and after, in one go."""
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


def _check_standing(
    repository: Repository,
    commit: Commit,
    parent: str,
    signer: str,
    *,
    platform: Platform,
    placed: Mapping[str, bytes | None],
) -> None:
    """Raises `VerificationError` for a commit that ignores a hold, a freeze or broken glass."""
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
                hint="it is followed by nobody: take it out of main again",
            )


def stable_before(
    repository: Repository, commit: str, path: str, platform: Platform
) -> Iterator[Digest]:
    """What was the stable release of a deployment, newest first."""
    for each in repository.history(path, to=commit):
        content = repository.read(each.id, path)
        with suppress(InvalidInput):
            for deployment in parse_deployments({path: content} if content else {}, platform):
                yield deployment.slots[0].digest


def _check_time(commit: Commit, parent: str, raw_parent: bytes) -> None:
    if commit.time < parse_commit(parent, raw_parent).time - _SKEW:
        raise VerificationError(f"commit {commit.id[:12]} is dated before its parent")


def _beyond_a_machine(
    repository: Repository, commit: Commit, parent: str, platform: Platform
) -> str:
    """What the commit does that a machine may not, in words; empty if nothing."""
    for path in commit.paths:
        if _MACHINE_PATH.fullmatch(path) is None:
            return f"changes {path}"
    for folder in sorted({path.rsplit("/", 1)[0] for path in commit.paths}):
        known = _releases(repository.files(parent, folder), platform)
        after = repository.files(commit.id, folder)
        if f"{folder}/{SERVICE_FILE}" not in after:
            return f"removes {folder}"
        held = _held(repository, parent, commit, folder)
        if held:
            return held
        brought = _releases(after, platform) - known
        if brought:
            return f"brings {min(brought)} into {folder}"
    return ""


def _held(repository: Repository, parent: str, commit: Commit, folder: str) -> str:
    """A machine ends no hold and keeps its criteria; the rest is checked for everybody."""
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
    """Releases that one deployment runs or would go back to. Raises `InvalidInput`."""
    digests: set[Digest] = set()
    for deployment in parse_deployments(files, platform):
        digests |= {slot.digest for slot in deployment.slots}
    for path, content in files.items():
        if path.endswith("/" + RELEASE_FILE):
            placement = parse_placement(content, path)
            digests |= {placement.digest, placement.previous or placement.digest}
    return digests
