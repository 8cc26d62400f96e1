"""The HTTP listener: binds an address, applies TLS and limits, and drains in an orderly way."""

import asyncio
import contextlib
import errno
import os
import socket
import ssl
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic
from typing import Protocol

from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.http.limits import Limits
from goldenpath.http.messages.heads import FieldRules, RequestHead
from goldenpath.http.messages.patterns import HeadPatterns
from goldenpath.http.messages.reader import RequestReader
from goldenpath.http.server_connection import PendingAnswer, ServerConnection
from goldenpath.http.tls import HANDSHAKE_TIME

_CURES = {
    errno.EADDRINUSE: "stop the program that uses it, or listen on another address",
    errno.EACCES: "choose a port above 1023, or a socket in a folder that this user may write",
    errno.EADDRNOTAVAIL: "listen on an address that this machine has, such as 127.0.0.1",
    errno.ENOENT: "create the folder of the socket first",
}
BACKLOG = 2048
"""Connections that may wait to be accepted. If full, a Unix socket refuses clients at once."""


class Application(Protocol):
    """An application that answers requests."""

    def take(
        self, connection: ServerConnection, head: RequestHead, body: bytes, held: int
    ) -> PendingAnswer:
        """Take a request, or the beginning of a large one; `flush` sends the answer once it exists.

        The connection owns the head and may replace it when it reads the next request.
        """

    @property
    def settle(self) -> Callable[[], None] | None:
        """Called once every request that a connection received just now was taken."""

    def refused(self, status: int, seconds: float) -> None:
        """Called when a connection refused its input by itself."""


class HttpListener:
    """Accept connections for one application on one address."""

    def __init__(
        self,
        application: Application,
        limits: Limits,
        rules: FieldRules,
        varying: Iterable[str] = (),
    ) -> None:
        """`varying` names header fields whose values seldom repeat."""
        self.limits = limits
        self.reader = RequestReader(rules, longest=limits.head, most=limits.headers)
        self.patterns = HeadPatterns(varying)
        self.take = application.take
        self.settle = application.settle
        self.refused = application.refused
        self.connections: set[ServerConnection] = set()
        self.is_draining = False
        self.now = monotonic()
        """The time of the last sweep, which is exact enough for idle limits."""
        self.held = 0
        """Bytes of bodies that are being received, or wait for their answer."""
        self.descriptor = -1
        """The descriptor of the socket on which it listens; -1 before it does."""
        self._server: asyncio.Server | None = None
        self._path: Path | None = None

    def connect(self) -> ServerConnection:
        """The protocol of a new connection."""
        return ServerConnection(self)

    async def open(
        self,
        address: str,
        tls: ssl.SSLContext | None = None,
        patience: float = 0.0,
        *,
        inherited: socket.socket | None = None,
    ) -> str:
        """Start to accept connections on `unix:PATH` or `HOST:PORT`, and return the address.

        Waits up to `patience` seconds for a port in use. An `inherited` socket listens there
        already. Raises `InvalidInput` for another form of address, `Unavailable` if the address is
        taken.
        """
        loop = asyncio.get_running_loop()
        listening = inherited or await _bind_in_time(address, patience)
        self.descriptor = listening.fileno()
        handshake = HANDSHAKE_TIME if tls else None
        if listening.family == socket.AF_UNIX:
            self._path = Path(address.removeprefix("unix:"))
            self._server = await loop.create_unix_server(
                self.connect,
                sock=listening,
                backlog=BACKLOG,
                ssl=tls,
                ssl_handshake_timeout=handshake,
            )
            return address
        self._server = await loop.create_server(
            self.connect,
            sock=listening,
            backlog=BACKLOG,
            ssl=tls,
            ssl_handshake_timeout=handshake,
        )
        host, port = listening.getsockname()[:2]
        return f"{host}:{port}"

    def sweep(self) -> None:
        """End connections that take too long; to be called about twice a second."""
        self.now = now = monotonic()
        for connection in tuple(self.connections):
            connection.check(now)

    async def drain(
        self,
        is_idle: Callable[[], bool] = lambda: True,
        *,
        linger: float,
        limit: float,
        is_handed_over: bool = False,
    ) -> None:
        """Answer every request that is in flight or on its way, then close everything.

        Late requests are accepted for `linger` seconds; without it idle connections are closed
        at once. All connections are closed after `limit` seconds, or as soon as `is_idle`
        returns true. Where another process accepts from the same queue, this one accepts nothing
        new: its clients get an answer that ends their connection, within `linger` seconds.
        """
        self.is_draining = True
        if self._path is not None:
            # Removed before the backlog is served, so that new clients find the next server's
            # socket.
            self._path.unlink(missing_ok=True)
        if is_handed_over:
            await self._let_clients_leave(linger)
        else:
            # Clients in the backlog may already have sent their requests.
            await asyncio.sleep(linger)
            if self._server is not None:
                self._server.close()
        end = monotonic() + limit
        while monotonic() < end and (self.open_requests or not is_idle()):
            # With a linger time a client may still send on a connection that is idle now.
            if not linger:
                self._close_idle()
            await asyncio.sleep(0.01)
        self._close_idle()
        # Lets transports that were just closed report it, so that only stuck ones are aborted.
        await asyncio.sleep(0)
        for connection in tuple(self.connections):
            connection.abort()

    async def _let_clients_leave(self, seconds: float) -> None:
        if self._server is not None:
            self._server.close()
        end = monotonic() + seconds
        while self.connections and monotonic() < end:
            await asyncio.sleep(0.02)

    def _close_idle(self) -> None:
        for connection in tuple(self.connections):
            connection.close_if_idle()

    @property
    def open_requests(self) -> int:
        """Return the connections with an unanswered request, read partly or whole."""
        return sum(connection.is_busy for connection in self.connections)


async def _bind_in_time(address: str, patience: float) -> socket.socket:
    give_up = monotonic() + patience
    while True:
        try:
            return _bind(address)
        except OSError as error:
            in_use = error.errno == errno.EADDRINUSE
            if not in_use or monotonic() >= give_up:
                reason = "another program has the port" if in_use else error.strerror or error
                raise Unavailable(
                    f"cannot listen on {address}: {reason}",
                    hint=_CURES.get(error.errno or 0, "listen on another address"),
                ) from error
        await asyncio.sleep(0.1)


def _bind(address: str) -> socket.socket:
    """Return a bound socket: a file that only this user may open, or a port."""
    if address.startswith("unix:"):
        return _bind_file(Path(address.removeprefix("unix:")))
    host, _, port = address.rpartition(":")
    if not port.isdigit() or not host:
        raise InvalidInput(f"cannot listen on {address!r}: expected unix:PATH or HOST:PORT")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host.strip("[]"), int(port)))
    except OverflowError as error:
        listening.close()
        raise Unavailable(f"cannot listen on {address}: {error}") from error
    except OSError:
        listening.close()
        raise
    return listening


def _bind_file(path: Path) -> socket.socket:
    if _is_stale(path):
        path.unlink()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listening.bind(str(path))
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(mask)
    return listening


def _is_stale(path: Path) -> bool:
    """Return whether the path is a socket without a listener."""
    if not path.exists() or not stat.S_ISSOCK(path.stat().st_mode):
        return False
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False
