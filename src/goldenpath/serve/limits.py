"""What a server takes and puts up with from whoever connects to it."""

from dataclasses import dataclass

WANTED = frozenset(
    {
        b"authorization",
        b"content-length",
        b"content-type",
        b"content-encoding",
        b"expect",
        b"host",
        b"inference-header-content-length",
        b"traceparent",
        b"upgrade",
        b"x-goldenpath-caller",
        b"x-goldenpath-canary",
        b"x-goldenpath-prediction-id",
        b"x-goldenpath-shadow",
    }
)
"""Headers that are kept; every other one is read over."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one server puts up with. Sizes in bytes, times in seconds."""

    head: int = 16 * 1024
    headers: int = 100
    body: int = 8 * 1024 * 1024
    bodies: int = 128 * 1024 * 1024
    """Of all bodies together that are still being received."""
    connections: int = 4096
    pipelined: int = 64
    """Requests of one connection that wait for their answer before it is read no further."""
    head_time: float = 10.0
    body_time: float = 30.0
    idle_time: float = 75.0
    write_time: float = 30.0
    linger_time: float = 2.0
