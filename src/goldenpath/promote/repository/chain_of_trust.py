"""Which commits are trusted: an unbroken chain of signatures from a pinned first commit.

Every commit must be signed by somebody whom `platform.toml` of its *parent* lists, so nobody can
list themselves. After set-up every change of trust needs two people. Machines move percentages and
digests inside an approved plan, and nothing else. Time is when a commit was first seen, not its own
date.

What is fetched waits in a quarantine. The commits before the first refused one are followed. That
one and all after it leave no trace but the time when they were first seen.
"""

import json
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from goldenpath.canonical import MAX_DOCUMENT, parse_json
from goldenpath.errors import NotFound, Unavailable
from goldenpath.files import write_whole
from goldenpath.parsers.typed import read_bounded, typed
from goldenpath.promote.platform.platform import FILE, Platform, parse_platform
from goldenpath.promote.repository.chain_walk import ChainWalk, WitnessedAt
from goldenpath.promote.repository.commit import parse_commit
from goldenpath.promote.repository.first_seen import FirstSeen
from goldenpath.promote.repository.worktree import Repository
from goldenpath.stored_formats import TRUST

_TOGETHER = 500
"""Commits that are read in one call of git."""
LOOK = timedelta(minutes=1)
"""How often it is noted that the remote was looked at."""


@dataclass(frozen=True, slots=True)
class Trusted:
    """A commit whose whole chain is verified, and the platform that it declares."""

    commit: str
    platform: Platform
    time_note: str = field(default="", compare=False)
    """A sentence about commits whose time nobody but their authors knows; empty if there are none.
    """


@dataclass(frozen=True, slots=True)
class Pin:
    """The commits that this machine trusts: the first one, and the last one that was verified."""

    root: str
    verified: str
    looked: datetime | None = None
    """When this machine looked at the remote last; None if a version before 0.2 wrote the pin."""


class _PinFile(msgspec.Struct):
    version: Literal[1]
    root: str
    verified: str
    looked: datetime | None = None


def follow(
    repository: Repository,
    pin_file: Path,
    now: datetime | None = None,
    *,
    witnessed_at: WitnessedAt | None = None,
) -> Trusted:
    """Fetch `main` and verify the commits that are new since the last time.

    `now` is the time of this machine's clock. `witnessed_at` tells when other machines signed
    that they had seen commits. Raises `VerificationError` for a commit that is not trusted: then
    the pin is at the last commit before it. Raises `Unavailable` if the remote cannot be reached.
    """
    moment = now or datetime.now(UTC)
    pin = read_pin(pin_file)
    head = repository.remote_head()
    is_here = repository.is_at(head)
    if is_here and head == pin.verified:
        note_look(pin_file, moment)
        return _trusted(repository, pin_file, head)
    # What we pushed ourselves is in our copy, so there is nothing to keep apart.
    arrived = nullcontext((repository, head)) if is_here else repository.incoming()
    with arrived as (held, commit):
        return _advance(
            repository, pin_file, pin, moment, held=held, head=commit, witnessed_at=witnessed_at
        )


def note_look(pin_file: Path, now: datetime) -> None:
    """Note that the remote was looked at, at most once a minute.

    Where that cannot be written, such as in a copy of a home, the look is not known later. That
    improves nothing: a commit counts as seen later then.
    """
    pin = read_pin(pin_file)
    if pin.looked is None or not pin.looked <= now < pin.looked + LOOK:
        with suppress(Unavailable):
            write_pin(pin_file, replace(pin, looked=now))


def _advance(
    repository: Repository,
    pin_file: Path,
    pin: Pin,
    now: datetime,
    *,
    held: Repository,
    head: str,
    witnessed_at: WitnessedAt | None,
) -> Trusted:
    """Verify what is new up to `head`, which `held` reads, and follow it as far as trusted."""
    first_seen, looked = _times_of(pin_file, pin, now, held)
    walk = ChainWalk(
        held,
        pin.root,
        pin.verified,
        known=first_seen.known(),
        looked=looked,
        witnessed_at=witnessed_at,
    )
    try:
        walk.verify(head, now)
    finally:
        # Written first, since a commit must not be trusted without its time.
        first_seen.keep(walk.sightings, walk.refused)
        if walk.reached and not repository.is_at(walk.reached):
            repository.take(held, walk.reached)
        if walk.reached not in ("", pin.verified):
            write_pin(pin_file, Pin(pin.root, walk.reached, now))
        elif pin.verified:
            note_look(pin_file, now)
    if first_seen.is_large:
        _settle(first_seen, repository, walk.reached)
    return Trusted(walk.reached, walk.platform, first_seen.note())


def _settle(first_seen: FirstSeen, repository: Repository, commit: str) -> None:
    """Leave out of the file of first-seen times what only confirms the dates of commits."""
    known = first_seen.known()
    ids = [each for each in repository.between(None, commit) if each in known]
    followed: dict[str, datetime] = {}
    for begin in range(0, len(ids), _TOGETHER):
        contents = repository.raw(ids[begin : begin + _TOGETHER])
        followed |= {each: parse_commit(each, content).time for each, content in contents.items()}
    first_seen.settle(followed)


def _times_of(
    pin_file: Path, pin: Pin, now: datetime, repository: Repository
) -> tuple[FirstSeen, datetime | None]:
    """Return the first-seen times, and when this machine looked last; None if it never did."""
    first_seen, looked = FirstSeen.beside(pin_file), pin.looked
    is_upgrade = looked is None and bool(pin.verified)
    if is_upgrade:
        # A version before 0.2 wrote the pin when it had verified something. A backup that was
        # restored may have lost that time, but it was not before the commit that was verified.
        written = datetime.fromtimestamp(pin_file.stat().st_mtime, UTC)
        pinned = repository.commits([pin.verified])
        looked = min(now, max(written, *(each.time for each in pinned)))
    first_seen.begin(looked if is_upgrade and looked else now, is_upgrade=is_upgrade)
    return first_seen, looked


def last_trusted(repository: Repository, pin_file: Path) -> Trusted:
    """Return the last verified commit, without asking the remote."""
    commit = read_pin(pin_file).verified
    if not commit:
        raise NotFound("no commit of the gitops repository was trusted here yet")
    return _trusted(repository, pin_file, commit)


def _trusted(repository: Repository, pin_file: Path, commit: str) -> Trusted:
    note = FirstSeen.beside(pin_file).note()
    return Trusted(commit, platform_at(repository, commit), note)


def platform_at(repository: Repository, commit: str) -> Platform:
    """Return the `platform.toml` of `commit`. Raises `NotFound` or `InvalidInput`."""
    content = repository.read(commit, FILE)
    if content is None:
        raise NotFound(f"commit {commit[:12]} of the gitops repository has no {FILE}")
    return parse_platform(content)


def read_pin(file: Path) -> Pin:
    """Return the pinned commits. Raises `NotFound` if no platform was set up on this machine."""
    try:
        value = parse_json(read_bounded(file, MAX_DOCUMENT), str(file))
    except FileNotFoundError as error:
        raise NotFound(
            f"no platform was set up here: {file} does not exist",
            hint="run goldenpath init, or name the folder of a platform in GOLDENPATH_HOME",
        ) from error
    TRUST.refuse_newer(value.get("version") if isinstance(value, dict) else None, str(file))
    pin = typed(value, _PinFile, str(file))
    return Pin(pin.root, pin.verified, pin.looked)


def write_pin(file: Path, pin: Pin) -> None:
    """Replace the pin; after a crash the file holds the old pin or the new one."""
    value = {"version": TRUST.version, "root": pin.root, "verified": pin.verified}
    if pin.looked is not None:
        value["looked"] = pin.looked.astimezone(UTC).isoformat()
    try:
        write_whole(file, f"{json.dumps(value, indent=2)}\n".encode())
    except OSError as error:
        raise Unavailable(
            f"{file} cannot be written: {error.strerror}",
            hint="check that its disk has room and is writable",
        ) from error
