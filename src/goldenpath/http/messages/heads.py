"""Heads of requests and answers as values, as both sides of a connection need them."""

import msgspec

END = b"\r\n\r\n"
"""The bytes that end a head."""

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
        b"content-length",
        b"expect",
    }
)
"""Fields that are never forwarded (RFC 9110, section 7.6.1); the length is rewritten."""

CHUNKED = -1
"""The length of a chunked body."""
UNTIL_CLOSE = -2
"""The length of an answer that ends with its connection."""


class BadMessage(ValueError):
    """A message that is refused, with the status of the refusal."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class FieldRules(msgspec.Struct, frozen=True):
    """The fields that a request reader keeps and drops."""

    wanted: frozenset[bytes]
    """Fields whose values are kept; none may be given twice. Names are in lower case."""
    dropped: frozenset[bytes] = frozenset()
    """Fields that are never passed on, besides hop-by-hop fields."""


class RequestHead(msgspec.Struct, eq=False):
    """The head of an unambiguous request."""

    method: bytes
    target: bytes
    """Path and query as received, percent-encoded; an absolute target loses its host."""
    fields: dict[bytes, bytes]
    """The fields that the reader keeps, with names in lower case."""
    length: int
    """Bytes of the body, or `CHUNKED`."""
    keep_alive: bool
    expects: bool
    """The client waits for `100 Continue` before it sends the body."""
    lines: list[bytes]
    """The header lines to pass on, as received and without line ends."""


class AnswerHead(msgspec.Struct, eq=False):
    """The head of an answer."""

    status: int
    size: int
    """Bytes of the head with its empty line."""
    length: int
    """Bytes of the body, `CHUNKED` or `UNTIL_CLOSE`."""
    keep_alive: bool
    fields: list[tuple[bytes, bytes]]
    """Every field in its order, with names in lower case."""
    is_plain: bool
    """Whether the head may be passed on byte for byte: it has a length and no hop-by-hop field."""

    def has(self, name: bytes) -> bool:
        """Return whether a field of this name is present."""
        return any(known == name for known, _ in self.fields)


def passed_on(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the end-to-end fields of an answer."""
    named: set[bytes] = set()
    for name, value in fields:
        if name == b"connection":
            named |= connection_options(value)
    return [pair for pair in fields if pair[0] not in HOP_BY_HOP and pair[0] not in named]


def connection_options(value: bytes) -> set[bytes]:
    """Return the options of a `Connection` field, in lower case."""
    return {option for part in value.split(b",") if (option := part.strip(b" \t").lower())}
