"""The caller that the gateway names to the model servers, from the client's certificate.

The gRPC listener is a process of its own, which has seen the certificate. So the gateway passes on
its caller header, but never one that a client sent.
"""

from goldenpath.http.callers import caller_from_header, caller_header
from goldenpath.http.messages.heads import RequestHead
from goldenpath.instruments import HEADER_CALLER

_CALLER = HEADER_CALLER.encode()
_REMEMBERED = 1024
"""Callers whose header line is cached."""


class Naming:
    """Names the callers of one listener; `is_inner` if only our gRPC listener can connect."""

    def __init__(self, caller_secret: str, *, is_inner: bool = False) -> None:
        self._caller_secret = caller_secret
        self.is_inner = is_inner
        self._lines: dict[str, bytes] = {}

    def line(self, peer: str, head: RequestHead) -> bytes:
        """Return the header line that names a caller, with its end; empty without a name."""
        if self.is_inner:
            peer = caller_from_header(self._caller_secret, head.fields.get(_CALLER, b""))
        if not peer:
            return b""
        line = self._lines.get(peer)
        if line is None:
            if len(self._lines) >= _REMEMBERED:
                self._lines.clear()
            line = self._lines[peer] = b"%b: %b\r\n" % (
                _CALLER,
                caller_header(self._caller_secret, peer),
            )
        return line
