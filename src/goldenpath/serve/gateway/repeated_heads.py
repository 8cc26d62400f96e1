"""The head of a client's requests, and how it is passed on when only its values differ."""

from goldenpath.http import repeated
from goldenpath.serve.gateway.head import LENGTH, MAX_HEAD, SUBJECT, VARYING
from goldenpath.serve.gateway.message import RequestHead, beginning

_KINDS = VARYING | {b"content-length": LENGTH, b"Content-Length": LENGTH}


class Form:
    """Reads the next head of a client, if it is like the one before."""

    __slots__ = (
        "_first", "_length", "_pattern", "_subject", "_target", "_template", "_values", "_whole",
        "_written", "head", "size",
    )  # fmt: skip

    def __init__(
        self,
        whole: bytes,
        head: RequestHead,
        pattern: repeated.Pattern | None = None,
        kinds: tuple[int, ...] = (),
    ) -> None:
        """From a head with its empty line, and what it was understood as."""
        self.head = head
        """What was read last: its length and subject; its `lines` are those of the first."""
        self.size = len(whole)
        """Bytes of it."""
        self._first = self._whole = whole
        self._pattern = pattern
        self._length = kinds.index(LENGTH) if LENGTH in kinds else None
        self._subject = kinds.index(SUBJECT) if SUBJECT in kinds else None
        """Which of the values in the pattern they are."""
        self._values: tuple[bytes, ...] = ()
        self._target = self._template = self._written = b""

    def read(self, data: bytes) -> bool:
        """Whether the data begins with a head in this form; then `head` and `size` are its own."""
        if data.startswith(self._whole):
            return True
        found = self._pattern.match(data) if self._pattern is not None else None
        if found is None or found.end() > MAX_HEAD:
            return False
        head, values = self.head, found.groups()
        if self._length is not None:
            head.length = int(values[self._length])
        if self._subject is not None:
            head.subject = values[self._subject].rstrip(b" \t")
        self._values, self.size = values, found.end()
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
    """The forms that the clients of a gateway use."""

    def __init__(self) -> None:
        self._patterns = repeated.Patterns(
            {
                name: repeated.LENGTH if kind == LENGTH else repeated.TEXT
                for name, kind in _KINDS.items()
            }
        )

    def of(self, whole: bytes, head: RequestHead) -> Form:
        """The form of a head that was read line by line."""
        pattern, names = self._patterns.of(whole)
        return Form(whole, head, pattern, tuple(_KINDS[name] for name in names))


def _escaped(text: bytes) -> bytes:
    return text.replace(b"%", b"%%")
