"""The gRPC listener of a model server: calls become exchanges of the same server.

Access, limits, checks, batching, records and answers are those of the server. Its
HTTP answer is parsed here, which costs microseconds and keeps the rules in one place.
"""

import asyncio
from time import monotonic_ns

from goldenpath.http.limits import Limits
from goldenpath.http.messages.exchange import Exchange
from goldenpath.serve.grpc.grpc_listener import MOST_CALLS, Ask, Call, CallReply, GrpcListener
from goldenpath.serve.grpc.grpc_tls import credentials
from goldenpath.serve.protocol import grpc_messages, inference_service
from goldenpath.serve.request_fields import WANTED
from goldenpath.serve.server.listener_files import ListenerFiles
from goldenpath.serve.server.model_server import ModelServer

_SHOWN = "x-goldenpath-"
"""Headers that become trailing metadata."""
_WANTED = WANTED - {b"x-goldenpath-shadow", b"x-goldenpath-canary", b"x-goldenpath-caller"}
"""Headers that only the gateway may set; this listener has no gateway in front of it."""


class _Caller:
    """A call as the connection of its one exchange."""

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.exchange: Exchange | None = None
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def flush(self) -> None:
        """Pass the answer to the waiting call, if there is one and it still waits."""
        answer = self.exchange.answer if self.exchange else None
        if answer is not None and not self.answer.done():
            self.answer.set_result(answer)


async def open_listener(
    server: ModelServer, address: str, files: ListenerFiles, limits: Limits
) -> tuple[GrpcListener, str]:
    """Open the gRPC listener of a server, and return it with its address.

    Raises `Unavailable` if the address is taken.
    """
    grpc_messages.parse_infer(b"")  # loaded now, so that the first call is not slow
    calls = min(MOST_CALLS, limits.bodies // limits.body * 4)
    listener = GrpcListener(ask_of(server), largest=limits.body, calls=calls)
    shown = credentials(files.settings, lambda: files.renewed, files.report)
    return listener, await listener.open(address, shown)


def ask_of(server: ModelServer) -> Ask:
    """Return a function that asks the server as if a call had come over HTTP."""

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
    """Parse one of our own answers, which is well-formed."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    headers = {name: value for name, value in pairs if name.startswith(_SHOWN)}
    return CallReply(int(first.split(" ", 2)[1]), headers, body)
