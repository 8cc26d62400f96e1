"""Calls over gRPC as exchanges of the one server: a second door to the same room.

Access, limits, checks, batching, records and answers are those of the server. What it answers as
HTTP is read back here, which costs microseconds and keeps the rules in one place.
"""

import asyncio
from time import monotonic_ns

from goldenpath.http.limits import Limits
from goldenpath.http.messages.exchange import Exchange
from goldenpath.processes.launch import ServerLaunch
from goldenpath.serve.grpc.grpc_listener import Ask, Call, CallReply, GrpcListener
from goldenpath.serve.grpc.grpc_tls import credentials
from goldenpath.serve.protocol import grpc_messages, inference_service
from goldenpath.serve.request_fields import WANTED
from goldenpath.serve.server.listener_files import ListenerFiles
from goldenpath.serve.server.model_server import ModelServer

_SHOWN = "x-goldenpath-"
"""Headers that become trailing metadata."""
_WANTED = WANTED - {b"x-goldenpath-shadow", b"x-goldenpath-canary", b"x-goldenpath-caller"}
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
    server: ModelServer, launch: ServerLaunch, doors: ListenerFiles, limits: Limits
) -> tuple[GrpcListener, str]:
    """The gRPC listener of a launch, and where it listens.

    Raises `Unavailable` if the address is taken.
    """
    grpc_messages.parse_infer(b"")  # the first call finds everything loaded
    door = GrpcListener(ask_of(server), largest=limits.body)
    shown = credentials(doors.entrance, lambda: doors.renewed, doors.report)
    return door, await door.open(launch.grpc, shown)


def ask_of(server: ModelServer) -> Ask:
    """Asks the server as if the call had come over HTTP."""

    async def ask(call: Call) -> CallReply:
        caller = _Caller(call.peer)
        headers = {name: value for name, value in call.headers.items() if name in _WANTED}
        headers[b"content-type"] = inference_service.MEDIA_TYPE.encode("ascii")
        target = (inference_service.PREFIX + call.name).encode("ascii")
        exchange = Exchange(
            caller, b"POST", target, headers, call.message, True, monotonic_ns(), call.peer
        )
        caller.exchange = exchange
        server.accept(exchange)
        server.settle()
        caller.flush()
        return _reply(await caller.answer)

    return ask


def _reply(answer: bytes) -> CallReply:
    """An answer of ours, which is known to be well-formed."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    headers = {name: value for name, value in pairs if name.startswith(_SHOWN)}
    return CallReply(int(first.split(" ", 2)[1]), headers, body)
