"""Whom the gateway names to the model servers: the one in the certificate that a client has shown.

Calls over gRPC come in by a door of their own, which has seen the certificate; what it says of
them is passed on. What a client says about itself never is.
"""

import asyncio
from collections.abc import Callable

from goldenpath.http.callers import heard, told
from goldenpath.http.tls import peer_name
from goldenpath.instruments import HEADER_CALLER, HEADER_PREDICTION
from goldenpath.serve.gateway.message import RequestHead

_LAST = HEADER_PREDICTION.encode() + b": "
Name = Callable[[bytes, RequestHead], bytes]
"""Puts the name of a caller into the beginning of a message for a server."""


class Naming:
    """The names of one listener; `is_inner` where only our own door can connect."""

    def __init__(self, word: str, *, is_inner: bool = False) -> None:
        self._word = word
        self._is_inner = is_inner

    def of(self, transport: asyncio.BaseTransport) -> Name | None:
        """How the requests of a connection are named; None if there is nobody to name."""
        if self._is_inner:
            return self._passed_on
        name = peer_name(transport.get_extra_info("peercert"))
        line = self._line(name)

        def by_certificate(beginning: bytes, _head: RequestHead) -> bytes:
            return _with(beginning, line)

        return by_certificate if name else None

    def _passed_on(self, beginning: bytes, head: RequestHead) -> bytes:
        name = heard(self._word, head.caller)
        return _with(beginning, self._line(name)) if name else beginning

    def _line(self, name: str) -> bytes:
        return b"%b: %b\r\n" % (HEADER_CALLER.encode(), told(self._word, name))


def _with(beginning: bytes, line: bytes) -> bytes:
    """The id stays the last header."""
    return beginning.removesuffix(_LAST) + line + _LAST
