"""The audit log on disk: one file for each month, all in one hash chain.

`append` returns once the event is on disk. A process that is killed during a write leaves at most
an incomplete last line, which was never acknowledged. Readers ignore it; the next `append` cuts it
off.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
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
from goldenpath.audit.events.disk_reserve import DiskReserve
from goldenpath.audit.events.event import Event
from goldenpath.errors import InvalidInput, Unavailable, VerificationError
from goldenpath.files import locked, sync_folder

_BLOCK = 64 * 1024
_RESERVE = "reserve"
"""Name of the file that holds space for events on a full disk."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of a check of the whole log."""

    events: int
    head: Head
    """Record it elsewhere: only a recorded head shows that lines are missing at the end."""
    breaks: tuple[Break, ...]
    first: str
    """Time of the first event. Empty if there is none."""
    last: str
    files: tuple[str, ...]
    torn: str = ""
    """File and line of an unfinished line at the end: a write that was cut off, never an event."""

    @property
    def holds(self) -> bool:
        """Whether the chain has no break."""
        return not self.breaks


class EventLog:
    """The audit log in `folder`. Any number of processes may append and read at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def append(self, event: Event) -> Head:
        """Append one event and return the new head of the chain.

        Raises `Unavailable` if the disk refuses the write. Raises `VerificationError` if the last
        line is damaged: nothing is written after it.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with locked(self._folder / "lock", 0o640):
                return self._append_always(event)
        except OSError as error:
            raise Unavailable(
                f"the audit log {self._folder} cannot be written: {error.strerror}"
            ) from error

    def read(self) -> Iterator[Event]:
        """Return every event, the oldest first.

        Raises `VerificationError` at the first break of the chain.
        """
        head = START
        for place, line in self._lines():
            try:
                parsed = follow(head, line)
            except VerificationError as error:
                raise VerificationError(
                    f"the audit log is broken at {place}: {error.message}",
                    hint="run `goldenpath events --check` to see every break",
                ) from error
            head = parsed.head
            yield parsed.event

    def links(self) -> Iterator[Break | ChainLink]:
        """Return every line that can be read, with a `Break` where the chain is broken."""
        return check(self._lines())

    def check(self, until: datetime | None = None) -> Checked:
        """Read the whole log and return every break of the chain.

        With `until`, the head and the counts are as of that time.
        """
        breaks: list[Break] = []
        events, head, first, last = 0, START, "", ""
        for result in self.links():
            if isinstance(result, Break):
                breaks.append(result)
                continue
            if until is not None and datetime.fromisoformat(result.event.time) > until:
                continue
            events, head, last = events + 1, result.head, result.event.time
            first = first or result.event.time
        files = tuple(path.name for path in self._files())
        return Checked(events, head, tuple(breaks), first, last, files, self._torn())

    def _torn(self) -> str:
        """Return where the newest file has an unfinished line; empty if it has none."""
        files = self._files()
        if not files:
            return ""
        # With the lock nobody is in the middle of a line; where it cannot be taken, nobody writes.
        with ExitStack() as stack:
            with suppress(OSError):
                stack.enter_context(locked(self._folder / "lock", 0o640))
            with files[-1].open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                end = end_of_lines(file.fileno(), size)
        return f"{files[-1].name}, {size - end} bytes after its last line" if end < size else ""

    def _append_always(self, event: Event) -> Head:
        """Append an event; on a full disk into the space that is reserved for it."""
        reserve = DiskReserve(self._folder / _RESERVE)
        while True:
            try:
                head = self._append(event)
            except OSError as error:
                is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
                if not (is_full and reserve.give_up_some()):
                    raise
            else:
                reserve.fill()
                return head

    def _append(self, event: Event) -> Head:
        files = self._files()
        if files:
            _cut_torn_line(files[-1])
        line = link(self._head(files), event)
        # Clocks of processes differ: once a new month has a file, no older file is written.
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
                        break  # incomplete, or being written now: not an event yet
                    yield f"{path.name}:{number}", line.removesuffix(b"\n")


def _parsed(line: bytes, path: Path) -> ChainLink:
    try:
        return parse_link(line)
    except InvalidInput as error:
        raise VerificationError(
            f"the end of {path.name} is damaged: {error.message}",
            hint="copy the file for an examination before you move it away",
        ) from error


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def end_of_lines(file_descriptor: int, size: int) -> int:
    """Return the position after the last newline. 0 if there is none."""
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
        end = end_of_lines(descriptor, size)
        if end < size:
            os.ftruncate(descriptor, end)
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _last_line(path: Path) -> bytes | None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        end = end_of_lines(descriptor, os.fstat(descriptor).st_size)
        if end == 0:
            return None
        start = end_of_lines(descriptor, end - 1)
        return os.pread(descriptor, end - 1 - start, start)
    finally:
        os.close(descriptor)
