"""Heads of requests and answers as values: what both sides of a connection must know of them."""

import msgspec

END = b"\r\n\r\n"
"""What ends a head."""

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
"""Fields that are never forwarded (RFC 9110, section 7.6.1); the length is written anew."""

CHUNKED = -1
"""The length of a body that comes in chunks."""
UNTIL_CLOSE = -2
"""The length of an answer that ends with its connection."""


class BadMessage(ValueError):
    """A message that is refused, with the status that says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class FieldRules(msgspec.Struct, frozen=True):
    """What a reader of requests does with the fields that it meets."""

    wanted: frozenset[bytes]
    """Their values are kept, and none of them may be given twice. Names in lower case."""
    dropped: frozenset[bytes] = frozenset()
    """Never passed on, beside what is meant for one connection only."""


class RequestHead(msgspec.Struct, eq=False):
    """The head of a request that can be read in one way only."""

    method: bytes
    target: bytes
    """Path and query as they came, percent-encoded; of an absolute target without its host."""
    fields: dict[bytes, bytes]
    """The fields that the reader wants, with names in lower case."""
    length: int
    """Bytes of the body, or `CHUNKED`."""
    keep_alive: bool
    expects: bool
    """The client waits for `100 Continue` before it sends the body."""
    lines: list[bytes]
    """The header lines to pass on, as they came and without line ends."""


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
    """Whether the head may be passed on byte for byte: a length, and nothing for one hop only."""

    def has(self, name: bytes) -> bool:
        """Whether a field of this name is there."""
        return any(known == name for known, _ in self.fields)


def passed_on(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The fields of an answer that are not meant for this connection only."""
    named: set[bytes] = set()
    for name, value in fields:
        if name == b"connection":
            named |= connection_options(value)
    return [pair for pair in fields if pair[0] not in HOP_BY_HOP and pair[0] not in named]


def connection_options(value: bytes) -> set[bytes]:
    """The options of a `Connection` field, in lower case."""
    return {option for part in value.split(b",") if (option := part.strip(b" \t").lower())}
