"""When each commit was first seen, by this machine or by somebody else than its author.

The date in a commit is what its author claims, so no rule may rely on it alone. A file in the home
keeps one line for each commit: when it was there at the latest, and when it was not there yet.
Once the file is large, commits that came together share a line, and those that came at their own
date have none. What is left of a commit is smaller than the commit itself in git.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.files import append_lines, opened_for_lines, write_whole
from goldenpath.promote.repository.commit import Commit

AHEAD = timedelta(minutes=5)
"""How far the clock of a committer may be ahead of ours."""
WATCHED = timedelta(minutes=10)
"""A machine that looks at least so often sees a commit come: it asks every 5 minutes at worst."""
SUFFIX = ".seen"
"""The file stands beside the pin and has its name with this suffix."""
MOST_BYTES = 64 * 1024 * 1024
"""Above this size, commits that are refused leave no line any more."""
LARGE_BYTES = 4 * 1024 * 1024
"""Above this size, lines that only confirm the date of their commit are left out."""


@dataclass(frozen=True, slots=True)
class Successor:
    """A commit on top of another one: a signed witness that the other one was there by then."""

    signer: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Sighting:
    """Between which two times a commit came to `main`."""

    seen: datetime
    """It was there by then."""
    since: datetime | None = None
    """It was not there yet at this time; None if nobody had looked before."""
    by: str = ""
    """The other person or machine that committed on top of it; empty if only this machine saw it.
    """

    def moment(self, claimed: datetime) -> datetime:
        """Return the time by which rules judge the commit.

        Whoever committed on top of it had followed it, so they judged it when it was new. Then its
        own date counts, as far as it lies between both times. Otherwise nobody but its author knows
        more, and it counts as made when it was seen.
        """
        return self.arrival(claimed) if self.by else self.seen

    def arrival(self, claimed: datetime) -> datetime:
        """Return when the commit came, as near to its own date as both times allow.

        It decides about approvals and soak of what the commit placed. For a machine that watches,
        both times are less than a minute and a poll apart.
        """
        earliest = claimed if self.since is None else max(claimed, self.since)
        # A date in the future counts as the time at which the commit was seen.
        return min(earliest, self.seen)

    def whose(self) -> str:
        """Return whose time `arrival` is, in a few words."""
        if self.since is not None and self.seen - self.since <= WATCHED:
            return "by the clock of this machine, which saw it come"
        if self.by:
            return f"by its author's clock; {self.by} committed on top of it"
        if self.since is not None:
            return "by its author's clock, within a time in which this machine did not look"
        return "by its author's clock; nobody else's time is known"

    def narrowed(self, successor: Successor | None, latest: datetime) -> "Sighting":
        """Return the sighting with what a commit on top of it by somebody else adds.

        It was there by `latest`, which is now, or when a witness saw it. So a later time was noted
        by a clock that was ahead.
        """
        seen = min(self.seen, latest if self.since is None else max(latest, self.since))
        if successor is None:
            return replace(self, seen=seen)
        above = successor.time if self.since is None else max(successor.time, self.since)
        return Sighting(min(seen, above), self.since, self.by or successor.signer)


def witnessed(
    commits: Iterable[tuple[str, tuple[str, ...], Successor]],
) -> Mapping[str, Successor]:
    """Return the earliest commit on top of each by somebody else, where there is one.

    `commits` are id, parents, signer and date, each after all its parents.
    """
    # For each commit the earliest two on top of it by different signers: one of the two is by
    # somebody else than its author, whoever that is.
    above: dict[str, tuple[Successor, ...]] = {}
    result: dict[str, Successor] = {}
    for commit, parents, own in reversed(tuple(commits)):
        others = above.pop(commit, ())
        other = next((each for each in others if each.signer != own.signer), None)
        if other is not None:
            result[commit] = other
        for parent in parents:
            above[parent] = _earliest_two((own, *others, *above.get(parent, ())))
    return result


def _earliest_two(successors: tuple[Successor, ...]) -> tuple[Successor, ...]:
    ordered = sorted(successors, key=lambda each: (each.time, each.signer))
    second = next((each for each in ordered if each.signer != ordered[0].signer), None)
    return (ordered[0],) if second is None else (ordered[0], second)


class _Head(msgspec.Struct, omit_defaults=True):
    version: Literal[1]
    begun: datetime
    """When the file was begun."""
    is_upgrade: bool = False
    """Whether this machine had followed commits before it kept first-seen times."""
    settled: datetime | None = None
    """Commits without a line, dated from `begun` to this, were seen to come at their date."""
    size: int = 0
    """Bytes after lines were left out last."""


class _Line(msgspec.Struct, omit_defaults=True):
    commit: str
    seen: datetime
    since: datetime | None = None
    by: str = ""
    also: tuple[str, ...] = ()
    """Other commits that came at the same time."""


class _Sightings(Mapping[str, Sighting]):
    """The sightings of commits; each line becomes one when it is asked for."""

    def __init__(self) -> None:
        self.lines: dict[str, _Line] = {}

    def __getitem__(self, commit: str) -> Sighting:
        line = self.lines[commit]
        since = None if line.since is None else _utc(line.since)
        return Sighting(_utc(line.seen), since, line.by)

    def __iter__(self) -> Iterator[str]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)


_LINES = msgspec.json.Decoder(_Line)


class FirstSeen:
    """The file of first-seen times of one machine. It survives a kill."""

    def __init__(self, file: Path, most: int = MOST_BYTES, large: int = LARGE_BYTES) -> None:
        self._file = file
        self._most = most
        self._large = large
        self._head: _Head | None = None
        self._known = _Sightings()
        self._identity: tuple[int, int] = (0, -1)
        """Inode of the file, and bytes of its whole lines that were read."""
        self._read = 0

    @classmethod
    def beside(cls, pin: Path) -> "FirstSeen":
        """Return the file that belongs to a pin."""
        return cls(pin.with_suffix(SUFFIX))

    def begin(self, now: datetime, *, is_upgrade: bool) -> None:
        """Make the file if there is none.

        On an upgrade, the commits that were followed before keep their own dates, up to `now`. If
        the file is lost, they count as seen at `now`: a loss improves nothing.
        """
        self._refresh()
        if self._head is None:
            self._append(_encoded(_Head(1, _utc(now), is_upgrade)), b"")

    def known(self) -> Mapping[str, Sighting]:
        """Return every commit that has a sighting. Raises `InvalidInput` for a damaged file."""
        self._refresh()
        return self._known

    def sighting(self, commit: Commit) -> Sighting:
        """Return the sighting of a commit that this machine follows."""
        self._refresh()
        known = self._known.get(commit.id)
        if known is not None:
            return known
        begun = datetime.now(UTC) if self._head is None else self._head.begun
        settled = None if self._head is None else self._head.settled
        if settled is not None and begun <= commit.time <= settled:
            return Sighting(commit.time, commit.time)
        if self._head is not None and self._head.is_upgrade:
            return Sighting(min(commit.time, begun))
        return Sighting(begun, begun)

    def arrival(self, commit: Commit) -> datetime:
        """Return when a commit came that this machine follows."""
        return self.sighting(commit).arrival(commit.time)

    def note(self) -> str:
        """Return one sentence about commits of which only their authors know the time, or ""."""
        self._refresh()
        lines = self._known.lines.values()
        unwatched = [each.seen for each in lines if each.since is None and not each.by]
        if not unwatched:
            return ""
        looked = _utc(min(unwatched)).isoformat(timespec="seconds")
        return (
            f"{len(unwatched)} commits were on main before this machine first looked, at {looked}, "
            "and nobody else has committed on top of them: they count as seen then, "
            "and what they placed by their own dates"
        )

    def keep(self, new: Mapping[str, Sighting], refused: str = "") -> None:
        """Append sightings and sync them to the disk; call `begin` before. Raises `Unavailable`.

        The line of the commit `refused` is left out if the file is large, so that nobody fills it.
        """
        lines = {commit: each for commit, each in new.items() if commit not in self.known()}
        # Whoever may push could otherwise fill the disk with refused commits.
        if self._identity[1] > self._most:
            lines.pop(refused, None)
        if lines:
            content = b"".join(_line(commit, each) for commit, each in lines.items())
            self._append(_encoded(_Head(1, datetime.now(UTC))), content)

    @property
    def is_large(self) -> bool:
        """Whether it is time to leave out lines."""
        self._refresh()
        before = 0 if self._head is None else self._head.size
        return self._identity[1] > max(self._large, 2 * before)

    def settle(self, followed: Mapping[str, datetime]) -> None:
        """Leave out the lines of followed commits that were seen to come at their own date.

        `followed` has the date of each. So every commit keeps the time that it had. What was
        refused, or came at another time than it says, shares a line with what came with it. Raises
        `Unavailable`.
        """
        try:
            with opened_for_lines(self._file):
                self._refresh()
                if self._head is None:
                    return
                plain = {
                    commit: claimed
                    for commit, claimed in followed.items()
                    if self._is_plain(commit, claimed, self._head.begun)
                }
                kept = {each: seen for each, seen in self._known.items() if each not in plain}
                last = (self._head.settled, *plain.values())
                settled = max((each for each in last if each is not None), default=None)
                content = _shared_lines(kept)
                head = _Head(1, self._head.begun, self._head.is_upgrade, settled, len(content))
                write_whole(self._file, _encoded(head) + content)
        except OSError as error:
            raise self._unusable("written", error) from error

    def _is_plain(self, commit: str, claimed: datetime, begun: datetime) -> bool:
        known = self._known.get(commit)
        if known is None or known.since is None or claimed < begun:
            return False
        return known.seen - known.since <= WATCHED and known.arrival(claimed) == claimed

    def _append(self, head: bytes, content: bytes) -> None:
        """Append to the file; a new one begins with `head`."""
        try:
            append_lines(self._file, content, head=head)
        except OSError as error:
            raise self._unusable("written", error) from error

    def _refresh(self) -> None:
        """Read what is new in the file, or all of it if it was replaced."""
        try:
            with self._file.open("rb") as file:
                status = os.fstat(file.fileno())
                identity = (status.st_ino, status.st_size)
                if identity == self._identity:
                    return
                has_grown = identity[0] == self._identity[0] and identity[1] > self._identity[1]
                file.seek(self._read if has_grown else 0)
                content = file.read()
        except FileNotFoundError:
            identity, content, has_grown = (0, 0), b"", False
        except OSError as error:
            raise self._unusable("read", error) from error
        if not has_grown:
            self._head, self._known, self._read = None, _Sightings(), 0
        # A line without its end was torn by a kill: its commit is noted again.
        self._parse(content[: content.rfind(b"\n") + 1])
        self._identity = (identity[0], self._read)

    def _parse(self, content: bytes) -> None:
        try:
            lines = content
            if self._head is None and content:
                first, _, lines = content.partition(b"\n")
                self._head = msgspec.json.decode(first, type=_Head)
            for line in _LINES.decode_lines(lines):
                for commit in (line.commit, *line.also):
                    # Two processes may have noted the same commit; the earlier one saw it first.
                    self._known.lines.setdefault(commit, line)
        except (msgspec.DecodeError, msgspec.ValidationError, ValueError) as error:
            self._identity = (0, -1)
            raise InvalidInput(
                f"{self._file} is damaged: expected a first-seen time in each line ({error})",
                hint="restore it from a backup, or move it away: commits then count as seen now",
            ) from error
        self._read += len(content)

    def _unusable(self, act: str, error: OSError) -> Unavailable:
        return Unavailable(
            f"{self._file} cannot be {act}: {error.strerror}",
            hint="check its access rights, and that its disk has room",
        )


def _line(commit: str, sighting: Sighting, also: tuple[str, ...] = ()) -> bytes:
    since = None if sighting.since is None else _utc(sighting.since)
    return _encoded(_Line(commit, _utc(sighting.seen), since, sighting.by, also))


def _shared_lines(known: Mapping[str, Sighting]) -> bytes:
    """Return one line for each sighting, in the order of the first commit that has it."""
    together: dict[Sighting, list[str]] = {}
    for commit, sighting in known.items():
        together.setdefault(sighting, []).append(commit)
    return b"".join(_line(first, each, tuple(also)) for each, (first, *also) in together.items())


def _encoded(value: msgspec.Struct) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
