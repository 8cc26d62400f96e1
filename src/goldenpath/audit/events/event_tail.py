"""Reads the audit log from a position on, without reading again what was read before."""

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from goldenpath.audit.events.chain import MAX_LINE, START, ChainLink, Head, follow, parse_link
from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import end_of_lines
from goldenpath.errors import InvalidInput, VerificationError

MOST_SEARCHED = 16 * 1024 * 1024
"""Bytes of the newest files that a search for recent events reads."""


class LogPosition(msgspec.Struct, frozen=True):
    """How far the log was read: a file, an offset in it, and the head of the chain there."""

    file: str
    offset: int
    count: int
    digest: str


BEGINNING_OF_LOG = LogPosition("", 0, START.count, START.digest)


def end_of_log(folder: Path) -> LogPosition:
    """Return the position after the last whole line, for a reader that checks no chain."""
    files = _files(folder)
    if not files:
        return BEGINNING_OF_LOG
    with files[-1].open("rb") as file:
        end = end_of_lines(file.fileno(), file.seek(0, os.SEEK_END))
    return LogPosition(files[-1].name, end, START.count, START.digest)


def beginning_of_run(folder: Path, report: Callable[[str], None]) -> LogPosition:
    """Return the position after the last start of the platform, else the end of the log.

    Reads the whole log once. Breaks are reported.
    """
    last, start = BEGINNING_OF_LOG, None
    for last, event in events_after(folder, BEGINNING_OF_LOG, report):
        if event.kind == "platform.started":
            start = last
    return start or last


def events_after(
    folder: Path, position: LogPosition, report: Callable[[str], None]
) -> Iterator[tuple[LogPosition, Event]]:
    """Return each later event with the position after it.

    A line that does not follow the one before is reported: a break is no reason to miss the alarms
    behind it. A line that cannot be read is reported and passed over.
    """
    for path in _files(folder):
        if path.name < position.file:
            continue
        offset = position.offset if path.name == position.file else 0
        for line, end in _lines(path, offset):
            link = _link(Head(position.count, position.digest), line, report, path.name)
            if link is None:
                position = LogPosition(path.name, end, position.count, position.digest)
                continue
            position = LogPosition(path.name, end, link.head.count, link.head.digest)
            yield position, link.event


def lines_after(folder: Path, position: tuple[str, int]) -> Iterator[tuple[bytes, tuple[str, int]]]:
    """Return each whole line after a file and an offset in it, with the position after the line."""
    for path in _files(folder):
        if path.name >= position[0]:
            offset = position[1] if path.name == position[0] else 0
            for line, end in _lines(path, offset):
                yield line, (path.name, end)


def recent_events(folder: Path, since: datetime) -> tuple[list[Event], bool]:
    """Return events from `since` on, the oldest first, and whether all of them were searched.

    Only the newest 16 MiB are searched. Lines are parsed and not verified: `events --check` does
    that.
    """
    text, searched, events = f"{since:%Y-%m-%dT%H:%M:%S}", 0, list[Event]()
    for path in reversed(_files(folder)):
        size = path.stat().st_size
        begin = max(0, size - (MOST_SEARCHED - searched))
        older = [*_parsed(path, begin)]
        events = [*(each for each in older if each.time >= text), *events]
        if older and older[0].time < text:
            return events, True
        if begin:
            return events, False
        searched += size
    return events, True


def _parsed(path: Path, begin: int) -> Iterator[Event]:
    for number, (line, _) in enumerate(_lines(path, begin)):
        if begin and not number:
            continue  # the search begins within this line
        try:
            yield parse_link(line).event
        except InvalidInput:
            continue


def _link(head: Head, line: bytes, report: Callable[[str], None], file: str) -> ChainLink | None:
    try:
        return follow(head, line)
    except VerificationError as error:
        report(f"the audit log is broken in {file}: {error.message}")
    try:
        return parse_link(line)
    except InvalidInput:
        return None


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("events-*.jsonl"))


def _lines(path: Path, offset: int) -> Iterator[tuple[bytes, int]]:
    """Return each whole line from an offset on, with the offset after it."""
    with path.open("rb") as file:
        file.seek(offset)
        while line := file.readline(MAX_LINE + 2):
            offset += len(line)
            if not line.endswith(b"\n") and len(line) <= MAX_LINE:
                return  # being written now
            yield line.removesuffix(b"\n"), offset
