"""The chain of hashes over events: what makes a log of plain lines evident of changes.

Each line is canonical JSON with its number, the digest of the line before and the event. Whoever
changes, drops, inserts or reorders a line has to rewrite every later one, and then the head no
longer is what others noted down. Lines cut off at the end are seen only against a noted head.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from goldenpath.audit.events.event import Event
from goldenpath.canonical import canonical_json, parse_object
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, VerificationError

VERSION = 1
MAX_LINE = 1024 * 1024
"""Bytes of the longest line, 1 MiB."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain stands: how many lines it has, and the digest of the last."""

    count: int
    digest: str


START = Head(0, "sha256:" + "0" * 64)
"""The head of an empty chain."""


@dataclass(frozen=True, slots=True)
class ChainLink:
    """One line, parsed."""

    sequence: int
    previous: str
    event: Event
    digest: str
    """Of the line itself, without its newline."""

    @property
    def head(self) -> Head:
        """Where the chain stands after this line."""
        return Head(self.sequence + 1, self.digest)


@dataclass(frozen=True, slots=True)
class Break:
    """A place where the chain does not hold."""

    place: str
    """File and line number."""
    reason: str


def link(head: Head, event: Event) -> bytes:
    """The line that follows `head`, without newline. Raises `InvalidInput` if it is too long."""
    line = canonical_json(
        {
            "version": VERSION,
            "sequence": head.count,
            "previous": head.digest,
            "event": event.to_json(),
        }
    )
    if len(line) > MAX_LINE:
        raise InvalidInput(f"an event is too large: expected at most {MAX_LINE} bytes")
    return line


def parse_link(line: bytes) -> ChainLink:
    """Parses one line, whatever stands before it. Raises `InvalidInput` if a member is wrong."""
    value = parse_object(line, "line of the audit log")
    sequence, previous = value.get("sequence"), value.get("previous")
    if value.get("version") != VERSION:
        raise InvalidInput(f"line has version {value.get('version')!r}, expected {VERSION}")
    if not isinstance(sequence, int) or isinstance(sequence, bool) or sequence < 0:
        raise InvalidInput(f"line has the sequence {sequence!r}, expected a number from 0")
    if not isinstance(previous, str):
        raise InvalidInput("line has no digest of the line before")
    # Two texts of one event would have two digests: only the canonical one is a line.
    if canonical_json(value) != line:
        raise InvalidInput("line is not canonical JSON")
    event = Event.from_json(value.get("event"))
    return ChainLink(sequence, previous, event, Digest.of(line).text)


def follow(head: Head, line: bytes) -> ChainLink:
    """The line as the successor of `head`. Raises `VerificationError` if it is not that."""
    try:
        parsed = parse_link(line)
    except InvalidInput as error:
        raise VerificationError(error.message) from error
    reason = _mismatch(head, parsed)
    if reason:
        raise VerificationError(reason)
    return parsed


def check(lines: Iterable[tuple[str, bytes]], head: Head = START) -> Iterator[Break | ChainLink]:
    """Each line as a link, preceded by a `Break` where the chain does not hold.

    `lines` are pairs of place and content. After a break the chain is taken up again where it
    can be, so that a second change is seen too.
    """
    for place, line in lines:
        try:
            parsed = parse_link(line)
        except InvalidInput as error:
            yield Break(place, error.message)
            continue
        reason = _mismatch(head, parsed)
        if reason:
            yield Break(place, reason)
        yield parsed
        head = parsed.head


def _mismatch(head: Head, found: ChainLink) -> str:
    if found.sequence > head.count:
        missing = found.sequence - head.count
        return f"gap of {missing}: expected line {head.count} of the chain, got {found.sequence}"
    if found.sequence < head.count:
        return f"line {found.sequence} of the chain stands where {head.count} was expected"
    if found.previous != head.digest:
        return f"line does not follow the one before: expected {head.digest}, got {found.previous}"
    return ""
