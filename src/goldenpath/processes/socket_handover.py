"""A listening socket that one process hands to the next, so that no connection is refused.

The holder waits on a Unix socket that only its user may open. Who connects as the same user, which
the kernel says, and asks gets the listening socket. From then on both accept from one queue. The
holder closes its copy when it ends, and the queue stays.
"""

import array
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from goldenpath.errors import Unavailable, VerificationError

ASK = b"listener\n"
MOST_WAITING = 4
"""Connections that have not asked yet; one more ends the oldest."""
SECONDS = 5.0
"""How long the next process waits for an answer."""
_CREDENTIALS = struct.Struct("3i")
_LONGEST_ADDRESS = 300


class Watching(Protocol):
    """The part of an event loop that tells when a socket can be read."""

    def add_reader(self, fd: int, callback: Callable[..., object], *args: object) -> object: ...

    def remove_reader(self, fd: int) -> bool: ...


class SocketHandover:
    """The holder's side."""

    def __init__(self, path: Path, loop: Watching) -> None:
        """Wait for the next process. Raises `Unavailable` if there can be no socket at the path."""
        self._path = path
        self._loop = loop
        self._waiting: list[socket.socket] = []
        self._listener: tuple[str, int] | None = None
        self.was_asked = False
        """Whether another process got the listening socket, and so accepts from its queue."""
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            self._door.bind(str(path))
            self._door.listen(MOST_WAITING)
        except OSError as error:
            self._door.close()
            raise Unavailable(f"{path} cannot be a socket: {error.strerror or error}") from error
        finally:
            os.umask(mask)
        self._door.setblocking(False)
        loop.add_reader(self._door.fileno(), self._connected)

    def offer(self, address: str, descriptor: int) -> None:
        """Offer the socket that listens on `address`."""
        self._listener = (address, descriptor)

    def close(self) -> None:
        """Offer nothing any more."""
        self._loop.remove_reader(self._door.fileno())
        self._door.close()
        self._path.unlink(missing_ok=True)
        while self._waiting:
            self._leave(self._waiting[0])

    def _connected(self) -> None:
        with suppress(BlockingIOError, ConnectionError):
            client, _ = self._door.accept()
            client.setblocking(False)
            if not _is_of_this_user(client):
                client.close()
                return
            self._waiting.append(client)
            self._loop.add_reader(client.fileno(), self._asked, client)
            if len(self._waiting) > MOST_WAITING:
                self._leave(self._waiting[0])

    def _asked(self, client: socket.socket) -> None:
        # Who only looks whether somebody listens here asks nothing, and nothing changes.
        with suppress(OSError):
            if client.recv(len(ASK)) == ASK and self._listener is not None:
                address, descriptor = self._listener
                socket.send_fds(client, [address.encode()], [descriptor])
                self.was_asked = True
        self._leave(client)

    def _leave(self, client: socket.socket) -> None:
        self._waiting.remove(client)
        self._loop.remove_reader(client.fileno())
        client.close()


def receive(path: Path) -> tuple[str, socket.socket]:
    """Ask the holder at `path` for its listening socket; return it with its address.

    Raises `Unavailable` if the holder has none, `VerificationError` if another user answers or if
    what comes is no listening socket.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(SECONDS)
        try:
            client.connect(str(path))
            if not _is_of_this_user(client):
                raise VerificationError(f"another user listens on {path}")
            client.sendall(ASK)
            address, descriptors = _received(client)
        except OSError as error:
            raise Unavailable(f"{path} hands nothing over: {error}") from error
    if len(descriptors) != 1:
        _close_all(descriptors)
        raise Unavailable(f"{path} hands nothing over: expected a socket, got {len(descriptors)}")
    listening = _listening(descriptors[0])
    if listening is None:
        raise VerificationError(f"what {path} hands over is no socket that listens")
    return address.decode("utf-8", "replace"), listening


def _received(client: socket.socket) -> tuple[bytes, list[int]]:
    size = array.array("i").itemsize
    # A descriptor beyond the expected one is closed by the kernel: there is no room for it.
    space = socket.CMSG_LEN(size)
    content, ancillary, _, _ = client.recvmsg(_LONGEST_ADDRESS, space, socket.MSG_CMSG_CLOEXEC)
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % size])
    return content, descriptors.tolist()


def _listening(descriptor: int) -> socket.socket | None:
    try:
        received = socket.socket(fileno=descriptor)
    except OSError:
        os.close(descriptor)
        return None
    with suppress(OSError):
        if received.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return received
    received.close()
    return None


def _close_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _is_of_this_user(peer: socket.socket) -> bool:
    content = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(content)
    return bool(user == os.geteuid())
