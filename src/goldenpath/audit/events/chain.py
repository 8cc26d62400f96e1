"""The hash chain over events. It makes changes to the audit log visible.

Each line is canonical JSON with its number, the digest of the previous line, and the event. Whoever
changes, drops, inserts or reorders a line must rewrite all later lines. The head then differs from
the one that others recorded. A cut at the end shows only against such a recorded head.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from goldenpath.audit.events.event import Event
from goldenpath.canonical import canonical_json, parse_object
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.stored_formats import EVENT

MAX_LINE = 1024 * 1024
"""The most bytes of a line, 1 MiB."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: the number of lines, and the digest of the last line."""

    count: int
    digest: str


START = Head(0, "sha256:" + "0" * 64)
"""The head of an empty chain."""


@dataclass(frozen=True, slots=True)
class ChainLink:
    """One parsed line of the chain."""

    sequence: int
    previous: str
    event: Event
    digest: str
    """Digest of the line without its newline."""

    @property
    def head(self) -> Head:
        """The head of the chain after this line."""
        return Head(self.sequence + 1, self.digest)


@dataclass(frozen=True, slots=True)
class Break:
    """A place where the chain is broken."""

    place: str
    """File and line number."""
    reason: str

    @property
    def message(self) -> str:
        """The break in one sentence."""
        return f"the audit log is broken at {self.place}: {self.reason}"


def link(head: Head, event: Event) -> bytes:
    """Return the line that follows `head`, without its newline.

    Raises `InvalidInput` if it is too long.
    """
    line = canonical_json(
        {
            "version": EVENT.version,
            "sequence": head.count,
            "previous": head.digest,
            "event": event.to_json(),
        }
    )
    if len(line) > MAX_LINE:
        raise InvalidInput(f"event has {len(line)} bytes as a line: expected at most {MAX_LINE}")
    return line


def parse_link(line: bytes) -> ChainLink:
    """Parse one line, without a look at the line before it.

    Raises `InvalidInput` if a member is wrong.
    """
    value = parse_object(line, "line of the audit log")
    sequence, previous = value.get("sequence"), value.get("previous")
    EVENT.require(value.get("version"), "line")
    if not isinstance(sequence, int) or isinstance(sequence, bool) or sequence < 0:
        raise InvalidInput(f"line has the sequence {sequence!r}: expected an integer of at least 0")
    if not isinstance(previous, str):
        raise InvalidInput("line has no digest of the previous line")
    # One event must have one digest, so only its canonical JSON is accepted.
    if canonical_json(value) != line:
        raise InvalidInput("line is not canonical JSON")
    event = Event.from_json(value.get("event"))
    return ChainLink(sequence, previous, event, Digest.of(line).text)


def follow(head: Head, line: bytes) -> ChainLink:
    """Return the line, parsed. Raises `VerificationError` if it does not follow `head`."""
    try:
        parsed = parse_link(line)
    except InvalidInput as error:
        raise VerificationError(error.message) from error
    reason = _mismatch(head, parsed)
    if reason:
        raise VerificationError(reason)
    return parsed


def check(lines: Iterable[tuple[str, bytes]], head: Head = START) -> Iterator[Break | ChainLink]:
    """Return each line as a link, with a `Break` before it where the chain is broken.

    `lines` are pairs of place and content. After a break the check goes on from the next line
    that can be parsed, so that later breaks are found too.
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


def _mismatch(head: Head, parsed: ChainLink) -> str:
    if parsed.sequence > head.count:
        missing = parsed.sequence - head.count
        return f"gap of {missing}: expected line {head.count} of the chain, got {parsed.sequence}"
    if parsed.sequence < head.count:
        return f"line repeated: expected line {head.count} of the chain, got {parsed.sequence}"
    if parsed.previous != head.digest:
        return (
            f"line does not follow the previous one: expected {head.digest}, got {parsed.previous}"
        )
    return ""
