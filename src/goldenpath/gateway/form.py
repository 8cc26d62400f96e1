"""The heads of one client's requests: what stays the same, and what differs from one to the next.

Most clients send one head again and again with another trace, subject or length in it. The bytes
around such values are compared, not parsed: what equals a head that can be read in one way only,
but for values that pass the same checks, is read in that way too.
"""

from goldenpath.gateway.head import (
    LENGTH,
    LONGEST_LENGTH,
    MAX_HEAD,
    SUBJECT,
    TEXT,
    VARYING,
)
from goldenpath.gateway.message import END, RequestHead, beginning

_PLACES = VARYING | {b"content-length": LENGTH, b"Content-Length": LENGTH}
"""Headers whose values are compared by what they mean."""


class Form:
    """Reads the next head of a client, if it is like the one before."""

    __slots__ = (
        "_end", "_places", "_says_length", "_target", "_template", "_values", "_whole", "_written",
        "head",
    )  # fmt: skip

    def __init__(self, whole: bytes, head: RequestHead) -> None:
        """From a head with its empty line, and what it was understood as."""
        self.head = head
        """What was read last: its length and subject; its `lines` are those of the first."""
        self._whole = whole
        self._places: list[tuple[bytes, int]] = []
        """What stands before each value that may differ, and what the value is."""
        before, *lines = whole.removesuffix(END).split(b"\r\n")
        for line in lines:
            name = line[: line.index(b":") + 1]
            kind = _PLACES.get(name[:-1])
            if kind is None:
                before += b"\r\n" + line
            else:
                self._places.append((before + b"\r\n" + name, kind))
                before = b""
        self._end = before + END
        self._says_length = head.method != b"GET" or head.length > 0
        self._values: tuple[bytes | int, ...] = ()
        self._target = self._template = self._written = b""
        self._compare(whole)

    @property
    def size(self) -> int:
        """Bytes of the head that was read last."""
        return len(self._whole)

    def read(self, data: bytes) -> bool:
        """Whether the data begins with a head in this form; then `head` and `size` are its own."""
        return data.startswith(self._whole) or self._compare(data)

    def _compare(self, data: bytes) -> bool:
        at, head = 0, self.head
        length, subject = head.length, head.subject
        values: list[bytes | int] = []
        for before, kind in self._places:
            if not data.startswith(before, at):
                return False
            at += len(before)
            end = data.find(b"\r\n", at)
            value = data[at:end].strip(b" \t")
            at = end
            if kind == LENGTH:
                if not value.isdigit() or len(value) > LONGEST_LENGTH:
                    return False
                length = int(value)
                continue
            if value.translate(None, TEXT):
                return False
            if kind == SUBJECT:
                subject = value
            values.append(value)
        if not data.startswith(self._end, at) or at > MAX_HEAD:
            return False
        head.length, head.subject = length, subject
        self._whole = data[: at + len(self._end)]
        self._values = (*values, length) if self._says_length else tuple(values)
        self._written = b""
        return True

    def beginning(self, target: bytes) -> bytes:
        """Everything that a server gets before the id, as `RequestHead.beginning` says it."""
        if target != self._target:
            self._target, self._template = target, self._render(target)
        elif self._written:
            return self._written
        self._written = self._template % self._values
        return self._written

    def _render(self, target: bytes) -> bytes:
        """What `beginning` fills in: the values of the lines that are kept, and the length."""
        lines = []
        for line in self.head.lines.split(b"\r\n")[:-1]:
            name = line[: line.index(b":")]
            varies = VARYING.get(name) is not None
            lines.append(_escaped(name) + b": %b" if varies else _escaped(line))
        method, rest = self.head.method, b"".join(line + b"\r\n" for line in lines)
        return beginning(method, _escaped(target), rest, b"%d" if self._says_length else b"")


def _escaped(text: bytes) -> bytes:
    return text.replace(b"%", b"%%")
