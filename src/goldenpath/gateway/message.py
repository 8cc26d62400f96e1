"""HTTP messages that passed the gateway's checks, and how they are written again.

A message is never forwarded as the bytes that arrived: both directions are parsed, and written anew
with one Content-Length, so that the server behind cannot see another message than we did (RFC 9112,
section 11.2, request smuggling).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

Headers = list[tuple[bytes, bytes]]
"""Names in lower case."""

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

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request, complete with its body."""

    method: bytes
    path: bytes
    """Path and query, as the server behind sees it."""
    headers: Headers
    body: bytes

    def find(self, name: bytes) -> bytes | None:
        """The first header of that name."""
        for known, value in self.headers:
            if known == name:
                return value
        return None

    def render(self, extra: Headers) -> bytes:
        """The bytes for the server behind."""
        parts = [self.method, b" ", self.path, b" HTTP/1.1\r\n"]
        _write_headers(parts, self.headers, extra)
        if self.method != b"GET" or self.body:
            parts.append(b"content-length: %d\r\n" % len(self.body))
        parts += (b"\r\n", self.body)
        return b"".join(parts)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, complete with its body."""

    status: int
    headers: Headers
    body: bytes

    def render(self, extra: Headers, keep_alive: bool) -> bytes:
        """The bytes for the client; `extra` headers give way to those the answer has."""
        line = _STATUS_LINES.get(self.status) or b"HTTP/1.1 %d \r\n" % self.status
        parts = [line]
        _write_headers(parts, self.headers, extra)
        if self.status not in (204, 304):
            parts.append(b"content-length: %d\r\n" % len(self.body))
        parts += (b"\r\n" if keep_alive else b"connection: close\r\n\r\n", self.body)
        return b"".join(parts)


def refusal(status: int, message: str, headers: Sequence[tuple[bytes, bytes]] = ()) -> Answer:
    """The gateway's own answer, in the form of Open Inference Protocol v2."""
    body = json.dumps({"error": message}).encode()
    return Answer(status, [(b"content-type", b"application/json"), *headers], body)


def _write_headers(parts: list[bytes], headers: Headers, extra: Headers) -> None:
    connection = next((value for name, value in headers if name == b"connection"), b"")
    named = {name.strip().lower() for name in connection.split(b",")} if connection else ()
    for name, value in headers:
        if name not in HOP_BY_HOP and name not in named:
            parts += (name, b": ", value, b"\r\n")
    if extra:
        present = {name for name, _ in headers}
        for name, value in extra:
            if name not in present:
                parts += (name, b": ", value, b"\r\n")
