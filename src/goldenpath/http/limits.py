"""What a listener puts up with from whoever connects to it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    head: int = 16 * 1024
    headers: int = 100
    body: int = 8 * 1024 * 1024
    gathered: int = 8 * 1024 * 1024
    """Of a body whose length is not said first."""
    whole: int | None = None
    """Bytes above which a body is not gathered but passes by in pieces; None: never."""
    bodies: int = 128 * 1024 * 1024
    """Of all bodies together that are being received, or wait for their answer."""
    connections: int = 4096
    pipelined: int = 64
    """Requests of one connection that wait for their answer before it is read no further."""
    ahead: int = 64 * 1024
    """Bytes that a client may send before they can be read."""
    head_time: float = 10.0
    body_time: float = 30.0
    idle_time: float = 75.0
    write_time: float = 30.0
    linger_time: float = 2.0
