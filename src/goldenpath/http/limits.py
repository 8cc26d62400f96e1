"""The limits that a listener sets for its clients."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    head: int = 16 * 1024
    headers: int = 100
    body: int = 8 * 1024 * 1024
    gathered: int = 8 * 1024 * 1024
    """Bytes of the largest body without a declared length."""
    whole: int | None = None
    """Bytes above which a body is streamed instead of buffered; None: never."""
    bodies: int = 128 * 1024 * 1024
    """Bytes of all bodies together that are being received or wait for their answer."""
    connections: int = 4096
    pipelined: int = 64
    """Unanswered requests of one connection after which reading from it pauses."""
    ahead: int = 64 * 1024
    """Bytes that a client may send before the server reads them."""
    head_time: float = 10.0
    body_time: float = 30.0
    idle_time: float = 75.0
    write_time: float = 30.0
    linger_time: float = 2.0
