"""The audit log: events on disk, one file a month, in one chain of hashes.

`append` returns once the event is on the disk. A process that is killed meanwhile leaves at most a
torn last line, which was never acknowledged: readers pass over it, the next `append` cuts it off.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from goldenpath.audit.events.chain import (
    MAX_LINE,
    START,
    Break,
    ChainLink,
    Head,
    check,
    follow,
    link,
    parse_link,
)
from goldenpath.audit.events.event import Event
from goldenpath.errors import InvalidInput, Unavailable, VerificationError
from goldenpath.files import locked, sync_folder

_BLOCK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Checked:
    """What reading the whole log showed."""

    events: int
    head: Head
    """Note it down elsewhere: only against a noted head are lines missed at the end."""
    breaks: tuple[Break, ...]
    first: str
    """Time of the first event; empty if there is none."""
    last: str
    files: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether the chain is whole."""
        return not self.breaks


class EventLog:
    """The log in `folder`. Any number of processes may append and read at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def append(self, event: Event) -> Head:
        """Writes one event down and returns where the chain stands then.

        Raises `Unavailable` if the disk does not take it, `VerificationError` if the end of the
        log is not a line of a chain: nothing is written after a damaged end.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with locked(self._folder / "lock", 0o640):
                return self._append(event)
        except OSError as error:
            raise Unavailable(
                f"the audit log {self._folder} cannot be written: {error.strerror}"
            ) from error

    def read(self) -> Iterator[Event]:
        """Every event, oldest first. Raises `VerificationError` where the chain is broken."""
        head = START
        for place, line in self._lines():
            try:
                found = follow(head, line)
            except VerificationError as error:
                raise VerificationError(
                    f"the audit log is broken at {place}: {error.message}",
                    hint="run `goldenpath events --check` to see every break",
                ) from error
            head = found.head
            yield found.event

    def check(self, until: datetime | None = None) -> Checked:
        """Reads everything and names every place where the chain does not hold.

        With `until`, head and counts are those of that time.
        """
        breaks: list[Break] = []
        events, head, first, last = 0, START, "", ""
        for found in check(self._lines()):
            if isinstance(found, Break):
                breaks.append(found)
                continue
            if until is not None and datetime.fromisoformat(found.event.time) > until:
                continue
            events, head, last = events + 1, found.head, found.event.time
            first = first or found.event.time
        files = tuple(path.name for path in self._files())
        return Checked(events, head, tuple(breaks), first, last, files)

    def _append(self, event: Event) -> Head:
        files = self._files()
        if files:
            _cut_torn_line(files[-1])
        line = link(self._head(files), event)
        # Clocks differ between processes: a month that has begun is not left again.
        name = max(f"events-{event.time[:7]}.jsonl", files[-1].name if files else "")
        path = self._folder / name
        is_new = not path.exists()
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            _write(descriptor, line + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if is_new:
            sync_folder(self._folder)
        return parse_link(line).head

    def _head(self, files: list[Path]) -> Head:
        for path in reversed(files):
            last = _last_line(path)
            if last is not None:
                return _parsed(last, path).head
        return START

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("events-*.jsonl"))

    def _lines(self) -> Iterator[tuple[str, bytes]]:
        for path in self._files():
            with path.open("rb") as file:
                number = 0
                while line := file.readline(MAX_LINE + 2):
                    number += 1
                    if not line.endswith(b"\n") and len(line) <= MAX_LINE:
                        break  # torn, or being written just now: it does not count yet
                    yield f"{path.name}:{number}", line.removesuffix(b"\n")


def _parsed(line: bytes, path: Path) -> ChainLink:
    try:
        return parse_link(line)
    except InvalidInput as error:
        raise VerificationError(
            f"the end of {path.name} is damaged: {error.message}",
            hint="move the file away only after it was copied for an examination",
        ) from error


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _last_newline(file_descriptor: int, size: int) -> int:
    """Position after the last newline; 0 if there is none."""
    end = size
    while end > 0:
        start = max(0, end - _BLOCK)
        position = os.pread(file_descriptor, end - start, start).rfind(b"\n")
        if position >= 0:
            return start + position + 1
        end = start
    return 0


def _cut_torn_line(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        end = _last_newline(descriptor, size)
        if end < size:
            os.ftruncate(descriptor, end)
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _last_line(path: Path) -> bytes | None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        end = _last_newline(descriptor, os.fstat(descriptor).st_size)
        if end == 0:
            return None
        start = _last_newline(descriptor, end - 1)
        return os.pread(descriptor, end - 1 - start, start)
    finally:
        os.close(descriptor)
