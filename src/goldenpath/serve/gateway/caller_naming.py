"""Whom the gateway names to the model servers: the one in the certificate that a client has shown.

Calls over gRPC come in by a listener of their own, which has seen the certificate; what it says of
them is passed on. What a client says about itself never is.
"""

from goldenpath.http.callers import caller_from_header, caller_header
from goldenpath.http.messages.heads import RequestHead
from goldenpath.instruments import HEADER_CALLER

_CALLER = HEADER_CALLER.encode()
_REMEMBERED = 1024
"""Callers whose header line is kept."""


class Naming:
    """The names of one listener; `is_inner` where only our own gRPC listener can connect."""

    def __init__(self, caller_secret: str, *, is_inner: bool = False) -> None:
        self._caller_secret = caller_secret
        self.is_inner = is_inner
        self._lines: dict[str, bytes] = {}

    def line(self, peer: str, head: RequestHead) -> bytes:
        """The header line that names a caller, with its end; empty if there is nobody to name."""
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
