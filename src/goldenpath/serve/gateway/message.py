"""Requests and answers on their way through the gateway.

What is passed on was read whole and in one way only (`head`) or was parsed by
llhttp and is written anew (`fallback_reader`); always with one Content-Length, so that the
server behind cannot see another message than we did (RFC 9112, section 11.2).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from goldenpath.instruments import HEADER_PREDICTION, HEADER_RELEASE

_PREDICTION = HEADER_PREDICTION.encode()

Headers = list[tuple[bytes, bytes]]
"""Names in lower case."""

END = b"\r\n\r\n"
WHOLE = 1024 * 1024
"""Bytes up to which a body is kept: then it can be repeated and copied. Larger ones pass by."""

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
        b"content-length",
        b"expect",
    }
)
"""Never forwarded (RFC 9110, section 7.6.1); the length is written anew."""


@dataclass(slots=True)
class RequestHead:
    """The head of a request, with everything that the gateway asks of it."""

    method: bytes
    target: bytes
    lines: bytes
    """The lines to pass on, each ended; without the length and what is meant for this hop."""
    length: int
    host: bytes
    subject: bytes | None
    slot: bytes | None
    """The slot that the client insists on."""
    keep_alive: bool
    expects: bool
    """The client waits for a word before it sends the body."""
    caller: bytes = b""
    """Whom it names, which is never passed on as it is."""

    def beginning(self, target: bytes) -> bytes:
        """Everything that a server gets before the id, whose header is the last one."""
        says_length = self.length or self.method != b"GET"
        return beginning(
            self.method, target, self.lines, b"%d" % self.length if says_length else b""
        )


def beginning(method: bytes, target: bytes, lines: bytes, length: bytes) -> bytes:
    """The head of a request as a server gets it, up to the value of the last header, the id."""
    if length:
        lines += b"content-length: %b\r\n" % length
    return b"%b %b HTTP/1.1\r\n%b%b: " % (method, target, lines, _PREDICTION)


class Answer:
    """One answer as it goes over the wire, but for its last header lines."""

    __slots__ = ("names_release", "size", "status", "wire")

    def __init__(self, status: int, wire: bytes, size: int, names_release: bool) -> None:
        self.status = status
        self.wire = wire
        """Head and body."""
        self.size = size
        """Bytes of the head, with the empty line behind it."""
        self.names_release = names_release

    @property
    def head(self) -> bytes:
        """Status line and headers, without the last line end."""
        return self.wire[: self.size - len(END)]

    @property
    def body(self) -> bytes:
        """What follows the head."""
        return self.wire[self.size :]

    def render(self, extra: bytes, keep_alive: bool) -> bytes:
        """The bytes for the client; `extra` are whole lines, unless the server said them itself."""
        if keep_alive and (self.names_release or not extra):
            return self.wire
        more = b"" if self.names_release else extra
        close = b"" if keep_alive else b"connection: close\r\n"
        return b"%b\r\n%b%b\r\n%b" % (self.head, more, close, self.body)


def written(status: int, headers: Headers, body: bytes) -> Answer:
    """An answer whose head is written here, from what a parser understood."""
    try:
        line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()
    except ValueError:
        line = b"HTTP/1.1 %d " % status
    lines = [line, *(b"%b: %b" % pair for pair in kept(headers))]
    if status not in (204, 304):
        lines.append(b"content-length: %d" % len(body))
    names = any(name == HEADER_RELEASE.encode() for name, _ in headers)
    head = b"\r\n".join(lines) + END
    return Answer(status, head + body, len(head), names)


def refusal(status: int, message: str, headers: Sequence[tuple[bytes, bytes]] = ()) -> Answer:
    """The gateway's own answer, in the form of Open Inference Protocol v2."""
    body = json.dumps({"error": message}).encode()
    return written(status, [(b"content-type", b"application/json"), *headers], body)


def kept(headers: Headers) -> Headers:
    """The headers that are passed on: those that are not meant for this hop."""
    connection = next((value for name, value in headers if name == b"connection"), b"")
    named = {name.strip().lower() for name in connection.split(b",")}
    return [
        (name, value) for name, value in headers if name not in HOP_BY_HOP and name not in named
    ]
