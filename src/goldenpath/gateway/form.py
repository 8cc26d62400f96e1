"""The heads of one client's requests: what stays the same, and what differs from one to the next.

Most clients send one head again and again with another trace, subject or length in it. A form that
was seen often becomes a pattern: the bytes around such values are compared, not parsed again. What
equals a head that can be read in one way only, but for values that pass the same checks, is read in
that way too.
"""

import re
from collections import Counter

from goldenpath.gateway.head import LENGTH, LONGEST_LENGTH, MAX_HEAD, SUBJECT, VARYING
from goldenpath.gateway.message import END, RequestHead, beginning

OFTEN = 8
"""Times that a form is seen before it becomes a pattern, which takes as long as ten requests."""
MOST_PATTERNS = 64
MOST_SEEN = 256
LONGEST_FORM = 4096
"""Bytes of a head; a longer one is read line by line each time."""

# A quantifier with a plus gives nothing back, so no head takes long to be found different.
_TEXT = rb"[ \t]*+([\t -~\x80-\xff]*+)"
_LENGTH = rb"[ \t]*+(0|[1-9][0-9]{0,%d}+)[ \t]*+" % (LONGEST_LENGTH - 1)
_KINDS = VARYING | {b"content-length": LENGTH, b"Content-Length": LENGTH}

Pattern = re.Pattern[bytes]


class Form:
    """Reads the next head of a client, if it is like the one before."""

    __slots__ = (
        "_first", "_kinds", "_pattern", "_target", "_template", "_values", "_whole", "_written",
        "head", "size",
    )  # fmt: skip

    def __init__(
        self, whole: bytes, head: RequestHead, pattern: Pattern | None, kinds: tuple[int, ...]
    ) -> None:
        """From a head with its empty line, and what it was understood as."""
        self.head = head
        """What was read last: its length and subject; its `lines` are those of the first."""
        self.size = len(whole)
        """Bytes of it."""
        self._first = self._whole = whole
        self._pattern = pattern
        self._kinds = kinds
        """What each value in the pattern is."""
        self._values: tuple[bytes, ...] = ()
        self._target = self._template = self._written = b""

    def read(self, data: bytes) -> bool:
        """Whether the data begins with a head in this form; then `head` and `size` are its own."""
        if data.startswith(self._whole):
            return True
        found = self._pattern.match(data) if self._pattern is not None else None
        if found is None or found.end() > MAX_HEAD:
            return False
        head, self._values = self.head, found.groups()
        for kind, value in zip(self._kinds, self._values, strict=True):
            if kind == LENGTH:
                head.length = int(value)
            elif kind == SUBJECT:
                head.subject = value.rstrip(b" \t")
        self.size = found.end()
        self._whole = data[: self.size]
        self._written = b""
        return True

    def beginning(self, target: bytes) -> bytes:
        """Everything that a server gets before the id, as `RequestHead.beginning` says it."""
        if target != self._target:
            self._target, self._template, self._written = target, b"", b""
        if not self._written:
            self._written = self._write(target)
        return self._written

    def _write(self, target: bytes) -> bytes:
        if not self._values:
            return self.head.beginning(target)
        if not self._template:
            self._template = self._render(target)
        return self._template % self._values

    def _render(self, target: bytes) -> bytes:
        """What `_write` fills in: the lines that are kept, and the length where it stands."""
        head, lines = self.head, []
        kept = set(head.lines.split(b"\r\n"))
        for line in self._first.split(b"\r\n")[1:-2]:
            name = line[: line.index(b":")]
            kind = _KINDS.get(name)
            if kind is not None:
                lines.append(name + b": %b\r\n")
            elif line in kept:
                lines.append(_escaped(line) + b"\r\n")
        return beginning(head.method, _escaped(target), b"".join(lines), b"")


class Forms:
    """The forms that the clients of a gateway use; bounded, and first come, first served."""

    def __init__(self) -> None:
        self._seen = Counter[bytes]()
        self._patterns: dict[bytes, Pattern] = {}

    def of(self, whole: bytes, head: RequestHead) -> Form:
        """The form of a head that was read line by line."""
        if len(whole) > LONGEST_FORM:
            return Form(whole, head, None, ())
        source, kinds = _source(whole)
        return Form(whole, head, self._pattern(source) if kinds else None, kinds)

    def _pattern(self, source: bytes) -> Pattern | None:
        known = self._patterns.get(source)
        if known is not None or len(self._patterns) >= MOST_PATTERNS:
            return known
        self._seen[source] += 1
        if self._seen[source] >= OFTEN:
            del self._seen[source]
            self._patterns[source] = known = re.compile(source)
        elif len(self._seen) > MOST_SEEN:
            self._seen.clear()
        return known


def _source(whole: bytes) -> tuple[bytes, tuple[int, ...]]:
    """A head as a regular expression, and what each of its values is."""
    first, *lines = whole.removesuffix(END).split(b"\r\n")
    parts, kinds = [re.escape(first)], []
    for line in lines:
        name = line[: line.index(b":")]
        kind = _KINDS.get(name)
        if kind is None:
            parts.append(re.escape(line))
        else:
            kinds.append(kind)
            parts.append(re.escape(name) + b":" + (_LENGTH if kind == LENGTH else _TEXT))
    return rb"\r\n".join([*parts, rb"\r\n"]), tuple(kinds)


def _escaped(text: bytes) -> bytes:
    return text.replace(b"%", b"%%")
