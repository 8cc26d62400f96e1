"""Requests whose head is like the one before: taken as they are, without the parser.

The parser has read such a head once, from the same state, and a request is only taken if it is all
that arrived. Everything else is the parser's.
"""

from collections.abc import Mapping

from goldenpath import heads
from goldenpath.instruments import HEADER_PREDICTION, HEADER_SUBJECT
from goldenpath.serve.limits import WANTED

END = b"\r\n\r\n"
_VARYING = ("traceparent", "tracestate", "x-request-id", HEADER_PREDICTION, HEADER_SUBJECT)
_VALUES = {
    spelled: heads.WORD
    for name in _VARYING
    for spelled in (name.encode("ascii"), name.title().encode("ascii"))
} | {b"content-length": heads.LENGTH, b"Content-Length": heads.LENGTH}


class Repeats:
    """The heads that the clients of one server repeat."""

    def __init__(self) -> None:
        self._patterns = heads.Patterns(_VALUES)

    def of(
        self, data: bytes, target: bytes, headers: Mapping[bytes, bytes], body: bytes
    ) -> "Repeated | None":
        """The head of a request that was parsed; None where the data hold anything else as well."""
        size = len(data) - len(body)
        length = headers.get(b"content-length", b"")
        # Chunks, empty lines before a request, and two requests at once are not repeated.
        is_all = data.startswith(b"POST ") and data.find(END) == size - len(END)
        if not is_all or length != b"%d" % len(body):
            return None
        pattern, names = self._patterns.of(data[:size])
        return Repeated(data[:size], target, headers, pattern, names)


class Repeated:
    """The head of a client that sends the same again, but for some values."""

    __slots__ = ("_headers", "_length", "_names", "_pattern", "_size", "_whole", "target")

    def __init__(
        self,
        whole: bytes,
        target: bytes,
        headers: Mapping[bytes, bytes],
        pattern: heads.Pattern | None,
        names: tuple[bytes, ...],
    ) -> None:
        self.target = target
        self._whole = whole
        self._headers = dict(headers)
        self._pattern = pattern
        self._names = tuple(name.lower() for name in names)
        """What the values in the pattern are."""
        self._size = len(whole)
        self._length = int(headers[b"content-length"])

    def read(self, data: bytes) -> tuple[dict[bytes, bytes], bytes] | None:
        """The headers and the body of a request, if the data are one with such a head."""
        if not data.startswith(self._whole) and not self._compare(data):
            return None
        if len(data) != self._size + self._length:
            return None
        return self._headers.copy(), data[self._size :]

    def _compare(self, data: bytes) -> bool:
        found = self._pattern.match(data) if self._pattern is not None else None
        if found is None:
            return False
        for name, value in zip(self._names, found.groups(), strict=True):
            if name in WANTED:
                self._headers[name] = value
        self._size = found.end()
        self._length = int(self._headers[b"content-length"])
        self._whole = data[: self._size]
        return True
