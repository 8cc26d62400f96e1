"""Calls over gRPC as exchanges of the one server: a second door to the same room.

Access, limits, checks, batching, records and answers are those of the server. What it answers as
HTTP is read back here, which costs microseconds and keeps the rules in one place.
"""

import asyncio
from pathlib import Path
from time import monotonic_ns

import grpc

from goldenpath import rpc
from goldenpath.reconcile.launch import ServerLaunch
from goldenpath.rpc import messages
from goldenpath.rpc.door import Ask, Call, Door, Reply
from goldenpath.serve.doors import Doors
from goldenpath.serve.exchange import Exchange
from goldenpath.serve.http import WANTED
from goldenpath.serve.limits import Limits
from goldenpath.serve.server import Server

_SHOWN = "x-goldenpath-"
"""Headers that become trailing metadata."""
_WANTED = WANTED - {b"x-goldenpath-shadow", b"x-goldenpath-canary"}
"""No gateway is in front of this door: nobody may say what only the gateway knows."""


class _Caller:
    """A call as the connection of its one exchange."""

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.exchange: Exchange | None = None
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def flush(self) -> None:
        """Gives the answer to who waits, if there is one and somebody still waits."""
        answer = self.exchange.answer if self.exchange else None
        if answer is not None and not self.answer.done():
            self.answer.set_result(answer)


async def open_door(
    server: Server, launch: ServerLaunch, doors: Doors, limits: Limits
) -> tuple[Door, str]:
    """The gRPC listener of a launch, and where it listens.

    Raises `Unavailable` if the address is taken.
    """
    messages.parse_infer(b"")  # the first call finds everything loaded
    door = Door(ask_of(server), largest=limits.body)
    return door, await door.open(launch.grpc, _credentials(launch, doors))


def ask_of(server: Server) -> Ask:
    """Asks the server as if the call had come over HTTP."""

    async def ask(call: Call) -> Reply:
        caller = _Caller(call.peer)
        headers = {name: value for name, value in call.headers.items() if name in _WANTED}
        headers[b"content-type"] = rpc.MEDIA_TYPE.encode("ascii")
        target = (rpc.PREFIX + call.name).encode("ascii")
        exchange = Exchange(
            caller, b"POST", target, headers, call.message, True, monotonic_ns(), call.peer
        )
        caller.exchange = exchange
        server.accept(exchange)
        server.settle()
        caller.flush()
        return _reply(await caller.answer)

    return ask


def _reply(answer: bytes) -> Reply:
    """An answer of ours, which is known to be well-formed."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    headers = {name: value for name, value in pairs if name.startswith(_SHOWN)}
    return Reply(int(first.split(" ", 2)[1]), headers, body)


def _credentials(launch: ServerLaunch, doors: Doors) -> object:
    """TLS by the same files as the other door, shown anew after each reload; None without."""
    if not launch.certificate:
        return None
    shown = 0

    def renew() -> object:
        nonlocal shown
        if doors.renewed == shown:
            return None
        try:
            fresh = _configuration(launch)
        except OSError as error:
            doors.report(f"not reloaded for gRPC: {error}")
            return None
        shown = doors.renewed
        return fresh

    return grpc.dynamic_ssl_server_credentials(
        _configuration(launch), renew, bool(launch.client_authorities)
    )


def _configuration(launch: ServerLaunch) -> object:
    authorities = launch.client_authorities
    return grpc.ssl_server_certificate_configuration(
        [(Path(launch.private_key).read_bytes(), Path(launch.certificate).read_bytes())],
        root_certificates=Path(authorities).read_bytes() if authorities else None,
    )
