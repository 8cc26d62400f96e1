"""The port of a gRPC listener, which the listener that takes over from it shares for a while.

The kernel spreads connections over all sockets that share a port. What waits at a socket that is
closed is lost, and gRPC cancels calls that reach a listener in its last moment. So the newer one
claims every new connection, and the older one closes only after its clients have left.
"""

import ctypes
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from goldenpath.errors import Unavailable

_ATTACH_REUSEPORT_CBPF = 51
"""Of Linux; `socket` has no name for it."""
_NEWEST = struct.pack("HBBI", 0x06, 0, 0, 1)
"""A program of the classic packet filter: return 1, the place of the second socket of a port. With
one socket there is no such place, and the kernel takes that one."""
_ESTABLISHED = 1
_LISTENING = "0A"
_LOOKS = 5
"""The kernel's list is read in pieces, and what changes meanwhile can hide a line."""


class SharedPort:
    """The port on which this process listens."""

    def __init__(self, port: int) -> None:
        self._port = port

    def claim(self) -> None:
        """Get every new connection from now on. Raises `Unavailable` where the kernel cannot."""
        program = ctypes.create_string_buffer(_NEWEST)
        option = struct.pack("HP", 1, ctypes.addressof(program))
        is_claimed = False
        with self._sockets() as sockets:
            for each in sockets:
                if _is_listening(each):
                    try:
                        each.setsockopt(socket.SOL_SOCKET, _ATTACH_REUSEPORT_CBPF, option)
                    except OSError as error:
                        raise Unavailable(
                            f"connections are spread over all that listen: {error.strerror}"
                        ) from error
                    is_claimed = True
        if not is_claimed:
            raise Unavailable("this process does not listen at the port")

    def has_successor(self) -> bool:
        """Return whether another process listens on the same address."""
        with self._sockets() as sockets:
            own = {str(os.fstat(each.fileno()).st_ino) for each in sockets if _is_listening(each)}
        for _ in range(_LOOKS):
            listening = list(self._listening())
            here = {address for address, inode in listening if inode in own}
            if any(address in here and inode not in own for address, inode in listening):
                return True
        return False

    def connections(self) -> int:
        """Return the number of open connections of this process at the port."""
        with self._sockets() as sockets:
            states = [each.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) for each in sockets]
        return sum(state[0] == _ESTABLISHED for state in states)

    @contextmanager
    def _sockets(self) -> Iterator[list[socket.socket]]:
        """Yield the sockets of this process at the port, and close these copies of them."""
        with ExitStack() as copies:
            found = [
                copies.enter_context(socket.socket(fileno=os.dup(int(each.name))))
                for each in Path("/proc/self/fd").iterdir()
                if _is_socket(each)
            ]
            yield [each for each in found if _is_tcp(each) and each.getsockname()[1] == self._port]

    def _listening(self) -> Iterator[tuple[str, str]]:
        """Yield address and inode of whatever listens at the port."""
        suffix = f":{self._port:04X}"
        for name in ("tcp", "tcp6"):
            with suppress(FileNotFoundError):  # a kernel without IPv6
                for line in Path("/proc/self/net", name).read_text().splitlines()[1:]:
                    fields = line.split()
                    if fields[1].endswith(suffix) and fields[3] == _LISTENING:
                        yield fields[1], fields[9]


def _is_socket(descriptor: Path) -> bool:
    try:
        return descriptor.is_socket()
    except OSError:  # closed meanwhile
        return False


def _is_tcp(each: socket.socket) -> bool:
    return each.family in (socket.AF_INET, socket.AF_INET6) and each.type == socket.SOCK_STREAM


def _is_listening(each: socket.socket) -> bool:
    return bool(each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def refuse_taken(address: str) -> None:
    """Raise `Unavailable` if somebody listens on `HOST:PORT`.

    A listener that shares its port would get a part of the calls of any other one that does.
    """
    host, _, port = address.rpartition(":")
    if not port.isdigit() or address.startswith("unix:"):
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError as error:
            raise Unavailable(f"cannot listen for gRPC on {address}: {error.strerror}") from error
