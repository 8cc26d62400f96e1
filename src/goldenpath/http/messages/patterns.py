"""Patterns of repeated heads: a head that matches one is compared instead of parsed.

Most clients repeat one head with another trace, subject or length. A head that was seen often
becomes a pattern. A match has the same bytes around these values, and the values are such as the
reader would accept in that place (RFC 9112, section 11.2).
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from goldenpath.http.messages.answer import Answer
from goldenpath.http.messages.heads import RequestHead

OFTEN = 8
"""Times that a head is seen before it becomes a pattern; making one costs ten requests."""
MOST_PATTERNS = 64
MOST_SEEN = 256
LONGEST = 4096
"""Bytes of the longest head with a pattern; a longer one is parsed each time."""
PATIENCE = 32
"""Heads of one client after which patterns are given up, because each head is new."""

# A value ends at a CR, which no value may contain. So there is only one way to match, and a
# mismatch is found quickly.
TEXT = rb"([\t -~\x80-\xff]*)"
"""A value and the blanks around it."""
LENGTH = rb" ?(0|[1-9][0-9]{0,11})"


class HeadPattern(NamedTuple):
    """The common part of heads that differ only in some values."""

    start: bytes
    """The bytes before the first variable value, which are quicker to compare by themselves."""
    rest: re.Pattern[bytes]
    """The rest, with a group for every variable value."""
    names: tuple[bytes, ...]
    """The names of the variable fields, as spelled in the head."""


class HeadPatterns:
    """Patterns of the heads that the clients of one process use; bounded, first come first served.

    Each pattern has a group for every variable value.
    """

    def __init__(self, varying: Iterable[str]) -> None:
        """`varying` names fields, in lower case, whose values seldom repeat."""
        self._values = {b"content-length": LENGTH, b"Content-Length": LENGTH}
        for name in varying:
            for spelled in (name, name.title()):
                self._values[spelled.encode("ascii")] = TEXT
        self._seen = Counter[bytes]()
        self._known: dict[bytes, HeadPattern] = {}

    def of(self, whole: bytes) -> HeadPattern | None:
        """Return the pattern of a head with its empty line, if there is one by now."""
        if len(whole) > LONGEST:
            return None
        start = b""
        parts: list[bytes] = []
        names: list[bytes] = []
        for line in whole.split(b"\r\n")[:-2]:
            name = line.partition(b":")[0]
            value = self._values.get(name)
            if value is None:
                parts.append(re.escape(line))
                start += b"" if names else line + b"\r\n"
            else:
                start += b"" if names else name + b":"
                parts.append(re.escape(name) + b":" + value)
                names.append(name)
        source = rb"\r\n".join([*parts, rb"\r\n"])
        return self._pattern(source, start, tuple(names)) if names else None

    def _pattern(self, source: bytes, start: bytes, names: tuple[bytes, ...]) -> HeadPattern | None:
        known = self._known.get(source)
        if known is not None or len(self._known) >= MOST_PATTERNS:
            return known
        self._seen[source] += 1
        if self._seen[source] >= OFTEN:
            del self._seen[source]
            rest = source.removeprefix(rb"\r\n".join(map(re.escape, start.split(b"\r\n"))))
            known = self._known[source] = HeadPattern(start, re.compile(rest), names)
        elif len(self._seen) > MOST_SEEN:
            self._seen.clear()
        return known


class RepeatedHead:
    """The head of a client that repeats it except for some values."""

    __slots__ = (
        "_begin", "_first", "_length", "_longest", "_match", "_names", "_places", "_start",
        "_target", "_template", "_values", "_wanted", "_whole", "_written", "head", "note", "size",
    )  # fmt: skip

    def __init__(
        self,
        whole: bytes,
        head: RequestHead,
        pattern: HeadPattern | None = None,
        *,
        longest: int = LONGEST,
    ) -> None:
        """Takes a head with its empty line, and its parsed form."""
        self.head = head
        """The last head: its length and fields are current, its `lines` are those of the first."""
        self.size = len(whole)
        """Bytes of it."""
        self.note: object = None
        """What the application remembers of such a head."""
        self._first = self._whole = whole
        names = self._names = pattern.names if pattern is not None else ()
        self._match = pattern.rest.match if pattern is not None else None
        self._start = pattern.start if pattern is not None else b""
        self._begin = len(self._start)
        self._longest = longest
        lowered = [name.lower() for name in names]
        self._length = lowered.index(b"content-length") if b"content-length" in lowered else None
        self._wanted = [(place, name) for place, name in enumerate(lowered) if name in head.fields]
        self._values: tuple[bytes, ...] = ()
        self._target = self._written = self._template = b""
        self._places: list[int] | None = None
        """The values that are passed on; None if all are."""

    def read(self, data: bytes) -> bool:
        """Return whether the data begins with such a head; if so, `head` and `size` are updated."""
        if data.startswith(self._whole):
            return True
        match = self._match
        if match is None or not data.startswith(self._start):
            return False
        matched = match(data, self._begin)
        if matched is None:
            return False
        size = matched.end()
        if size > self._longest:
            return False
        head = self.head
        self._values = values = matched.groups()
        if self._length is not None:
            head.length = int(values[self._length])
        for place, name in self._wanted:
            head.fields[name] = values[place].strip(b" \t")
        self.size = size
        self._whole = data[:size]
        self._written = b""
        return True

    def written(self, target: bytes) -> bytes:
        """Return the head for another server, as `request_lines` writes it."""
        if target != self._target:
            self._target, self._template, self._written = target, b"", b""
        if not self._written:
            self._written = self._write(target)
        return self._written

    def _write(self, target: bytes) -> bytes:
        if not self._values:
            return request_lines(self.head, target)
        if not self._template:
            self._template = self._render(target)
        if self._places is None:
            return self._template % self._values
        return self._template % tuple([self._values[place] for place in self._places])

    def _render(self, target: bytes) -> bytes:
        """Return the template for `_write`: the lines to pass on and the place of the length."""
        kept = set(self.head.lines)
        lines, places, names = [], [], iter(enumerate(self._names))
        place, varying = next(names, (0, b""))
        for line in self._first.split(b"\r\n")[1:-2]:
            name = line[: line.index(b":")]
            is_kept = line in kept or name.lower() == b"content-length"
            if name != varying:
                lines += [_escaped(line) + b"\r\n"] if is_kept else []
                continue
            if is_kept:
                lines.append(name + b":%b\r\n")
                places.append(place)
            place, varying = next(names, (0, b""))
        self._places = places if len(places) < len(self._names) else None
        return b"%b %b HTTP/1.1\r\n" % (self.head.method, _escaped(target)) + b"".join(lines)


class RepeatedAnswer:
    """The head that most answers of one server have."""

    __slots__ = ("_begin", "_is_marked", "_length", "_match", "_start", "_status")

    def __init__(self, pattern: HeadPattern, status: int, *, is_marked: bool) -> None:
        self._status = status
        self._is_marked = is_marked
        self._match = pattern.rest.match
        self._start = pattern.start
        self._begin = len(pattern.start)
        lowered = [name.lower() for name in pattern.names]
        self._length = lowered.index(b"content-length") + 1

    def read(self, data: bytes) -> Answer | None:
        """Return the answer if the data are exactly one answer with this head."""
        if not data.startswith(self._start):
            return None
        matched = self._match(data, self._begin)
        if matched is None:
            return None
        size = matched.end()
        if len(data) != size + int(matched[self._length]):
            return None
        return Answer(self._status, data, size, self._is_marked)


def request_lines(head: RequestHead, target: bytes) -> bytes:
    """Return request line and header lines for another server, with line ends and body length."""
    lines = b"".join([b"%b\r\n" % line for line in head.lines])
    if head.length or head.method not in (b"GET", b"HEAD"):
        lines += b"content-length: %d\r\n" % max(head.length, 0)
    return b"%b %b HTTP/1.1\r\n%b" % (head.method, target, lines)


def _escaped(text: bytes) -> bytes:
    return text.replace(b"%", b"%%")
