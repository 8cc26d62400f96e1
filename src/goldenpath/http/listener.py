"""The one listener: an address, TLS, limits, time, and an orderly end."""

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

BACKLOG = 2048
"""Connections that may wait to be accepted; a full one refuses clients of a Unix socket at once."""


class Application(Protocol):
    """Whoever answers requests."""

    def take(
        self, connection: ServerConnection, head: RequestHead, body: bytes, held: int
    ) -> PendingAnswer:
        """Takes a request, of a large one the beginning; `flush` sends its answer once it is there.

        The head is the connection's: it may be another one as soon as the next request is read.
        """

    @property
    def settle(self) -> Callable[[], None] | None:
        """Called once everything that a connection had to say just now was taken."""

    def refused(self, status: int, seconds: float) -> None:
        """A connection refused what it received, without asking."""


class HttpListener:
    """Accepts connections for one application, on one address."""

    def __init__(
        self,
        application: Application,
        limits: Limits,
        rules: FieldRules,
        varying: Iterable[str] = (),
    ) -> None:
        """`varying` are names of fields whose values are seldom the same twice."""
        self.limits = limits
        self.reader = RequestReader(rules, longest=limits.head, most=limits.headers)
        self.patterns = HeadPatterns(varying)
        self.take = application.take
        self.settle = application.settle
        self.refused = application.refused
        self.connections: set[ServerConnection] = set()
        self.is_draining = False
        self.now = monotonic()
        """The time of the last sweep, which is exact enough for what is idle."""
        self.held = 0
        """Bytes of bodies that are being received, or wait for their answer."""
        self._server: asyncio.Server | None = None
        self._path: Path | None = None

    def connect(self) -> ServerConnection:
        """The protocol of a new connection."""
        return ServerConnection(self)

    async def open(
        self, address: str, tls: ssl.SSLContext | None = None, patience: float = 0.0
    ) -> str:
        """Accepts connections on `unix:PATH` or `HOST:PORT`, and says where.

        Waits up to `patience` seconds for whoever has the port. Raises `InvalidInput` for another
        form of address, `Unavailable` if the address is taken.
        """
        loop = asyncio.get_running_loop()
        listening = await _bind_in_time(address, patience)
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
        """Ends connections that take too long; to be called about twice a second."""
        self.now = now = monotonic()
        for connection in tuple(self.connections):
            connection.check(now)

    async def drain(
        self, is_idle: Callable[[], bool] = lambda: True, *, linger: float, limit: float
    ) -> None:
        """Answers what is in flight and on its way, then closes everything.

        What was on its way is accepted for `linger` seconds more; without that, connections that
        wait for nothing are closed at once. After `limit` seconds, or once `is_idle` says that
        nothing is worked on, all of them are.
        """
        self.is_draining = True
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        # Connections in the backlog belong to clients that may have sent their request already.
        await asyncio.sleep(linger)
        if self._server is not None:
            self._server.close()
        end = monotonic() + limit
        while monotonic() < end and (self.open_requests or not is_idle()):
            if not linger:
                self._close_idle()
            await asyncio.sleep(0.01)
        self._close_idle()
        await asyncio.sleep(0)
        for connection in tuple(self.connections):
            connection.abort()

    def _close_idle(self) -> None:
        for connection in tuple(self.connections):
            connection.close_if_idle()

    @property
    def open_requests(self) -> int:
        """Connections with a request that is read, partly or whole, and not answered."""
        return sum(connection.is_busy for connection in self.connections)


async def _bind_in_time(address: str, patience: float) -> socket.socket:
    give_up = monotonic() + patience
    while True:
        try:
            return _bind(address)
        except OSError as error:
            in_use = error.errno == errno.EADDRINUSE
            if not in_use or monotonic() >= give_up:
                reason = "another program has the port" if in_use else error
                raise Unavailable(
                    f"cannot listen on {address}: {reason}",
                    hint="stop the program that uses it, or listen on another address",
                ) from error
        await asyncio.sleep(0.1)


def _bind(address: str) -> socket.socket:
    """A bound socket: a file that only this user may open, or a port."""
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
    """Whether the path is a socket that nobody listens on any more."""
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
