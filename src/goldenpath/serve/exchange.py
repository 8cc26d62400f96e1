"""One HTTP request and its answer, and how answers look on the wire."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Protocol

import msgspec


class Sender(Protocol):
    """The connection that an exchange belongs to."""

    peer: str
    """Who is at the other end, by its certificate; empty if it has shown none."""

    def flush(self) -> None:
        """Sends the answers that are ready, in the order of their requests."""


class Exchange(msgspec.Struct, eq=False):
    """A request that was read whole, and its answer once there is one."""

    connection: Sender
    method: bytes
    target: bytes
    headers: dict[bytes, bytes]
    """Only those that mean something to the server, names in lower case."""
    body: bytes
    keep_alive: bool
    started: int
    """Monotonic nanoseconds."""
    caller: str
    answer: bytes | None = None


JSON = "application/json"
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


def respond(
    exchange: Exchange,
    status: int,
    value: object = None,
    *,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Answers with `value` as JSON, with nothing if it is None."""
    body = b"" if value is None else msgspec.json.encode(value)
    exchange.answer = render(status, body, headers=headers, keep_alive=exchange.keep_alive)


def refuse(
    exchange: Exchange, status: int, message: str, *, headers: Mapping[str, str] | None = None
) -> None:
    """Answers with an error in the form of the protocol."""
    respond(exchange, status, {"error": message}, headers=headers)


def render(
    status: int,
    body: bytes,
    *,
    headers: Mapping[str, str] | None = None,
    keep_alive: bool = True,
    media_type: str = JSON,
) -> bytes:
    """An answer as it goes over the wire; names and values of headers are our own."""
    lines = [f"HTTP/1.1 {status} {_PHRASES[status]}", f"content-length: {len(body)}"]
    if body:
        lines.append(f"content-type: {media_type}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if not keep_alive:
        lines.append("connection: close")
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body
