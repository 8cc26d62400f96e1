"""One request that was read whole, and its answer."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from goldenpath.http.messages.writer import error_body, render


class Sender(Protocol):
    """The connection that an exchange belongs to."""

    peer: str
    """The name in the client's certificate; empty if it presented none."""

    def flush(self) -> None:
        """Send the answers that are ready, in the order of their requests."""


class Exchange(msgspec.Struct, eq=False):
    """A request that was read whole, and its answer once there is one."""

    connection: Sender
    method: bytes
    target: bytes
    headers: dict[bytes, bytes]
    """Only the fields that the server reads, names in lower case."""
    body: bytes
    keep_alive: bool
    started: int
    """Monotonic nanoseconds."""
    caller: str
    answer: bytes | None = None
    held: int = 0
    """Bytes of the body that count against the limit of all bodies until it is answered."""

    def feed(self, piece: bytes) -> None:
        """Nothing is missing."""

    def pause_answer(self, is_full: bool) -> None:
        """The answer is sent in one piece."""

    def lost(self) -> None:
        """Does nothing: the request is still answered and recorded."""


def respond(
    exchange: Exchange,
    status: int,
    value: object = None,
    *,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Answer with `value` as JSON, or with an empty body if it is None."""
    body = b"" if value is None else msgspec.json.encode(value)
    exchange.answer = render(
        status,
        body,
        headers=headers,
        keep_alive=exchange.keep_alive,
        is_head=exchange.method == b"HEAD",
    )


def refuse(
    exchange: Exchange, status: int, message: str, *, headers: Mapping[str, str] | None = None
) -> None:
    """Answer with an error in the form of the protocol."""
    exchange.answer = render(
        status,
        error_body(message),
        headers=headers,
        keep_alive=exchange.keep_alive,
        is_head=exchange.method == b"HEAD",
    )
