"""Calls over gRPC, handed on as requests over HTTP/1.1 to whoever serves the models.

So calls meet the gateway's split, limits, retries and counts like every other request, and the
gateway itself knows nothing of gRPC. Connections are kept; what broke is told and never sent twice,
for the answer to the first might be in the log.
"""

import asyncio
import re
from collections.abc import Mapping
from time import monotonic

import msgspec

from goldenpath import __version__
from goldenpath.errors import InvalidInput
from goldenpath.http.callers import told
from goldenpath.instruments import HEADER_CALLER
from goldenpath.serve.grpc.grpc_listener import Ask, Call, CallReply
from goldenpath.serve.protocol import inference_service
from goldenpath.serve.protocol.grpc_messages import parse_infer, parse_named, render

STAGE = b"x-goldenpath-stage"
"""Metadata that says in which stage the model is meant."""
KEPT_SECONDS = 60.0
"""How long a connection may be idle and used again; the gateway closes it after 75."""
LARGEST_HEAD = 64 * 1024
_NAME = re.compile(r"[A-Za-z0-9._-]{1,200}")
_OWN = (b"grpc-", b":")
_CALLER = HEADER_CALLER.encode()
_HOST = "gateway"

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Upstream:
    """Connections to one HTTP server, `unix:PATH` or `HOST:PORT`, that are used in turn."""

    def __init__(self, address: str, seconds: float) -> None:
        """`seconds` is how long an answer may take."""
        self._address = address
        self._seconds = seconds
        self._idle: list[tuple[float, Pair]] = []

    async def request(
        self, method: str, target: str, headers: Mapping[bytes, bytes], body: bytes
    ) -> CallReply:
        """The answer, or one that says why there is none."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._request(method, target, headers, body)
        except TimeoutError:
            return _refusal(504, "no answer in time")
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            return _refusal(503, f"the connection broke: {type(error).__name__}")

    def close(self) -> None:
        """Closes what is idle."""
        for _, (_, writer) in self._idle:
            writer.close()

    async def _request(
        self, method: str, target: str, headers: Mapping[bytes, bytes], body: bytes
    ) -> CallReply:
        reader, writer = pair = await self._connection()
        is_whole = False
        try:
            lines = b"".join(b"%b: %b\r\n" % pair for pair in headers.items())
            head = f"{method} {target} HTTP/1.1\r\nhost: {_HOST}\r\n"
            length = b"content-length: %d\r\n\r\n" % len(body)
            writer.write(head.encode("ascii") + lines + length + body)
            reply, keep = await _answer(reader)
            is_whole = keep
        finally:
            if is_whole:
                self._idle.append((monotonic(), pair))
            else:
                writer.close()
        return reply

    async def _connection(self) -> Pair:
        while self._idle:
            since, (reader, writer) = self._idle.pop()
            if monotonic() - since < KEPT_SECONDS and not reader.at_eof():
                return reader, writer
            writer.close()
        host, _, port = self._address.rpartition(":")
        if host == "unix":
            return await asyncio.open_unix_connection(port, limit=LARGEST_HEAD)
        return await asyncio.open_connection(host, int(port), limit=LARGEST_HEAD)


def forward(upstream: Upstream, word: str = "") -> Ask:
    """Hands calls on to the stage that they name, and says behind `word` who asks."""

    async def ask(call: Call) -> CallReply:
        if call.name in ("ServerLive", "ServerReady"):
            health = await upstream.request("GET", "/healthz", {}, b"")
            key = call.name.removeprefix("Server").lower()
            return _message(call.name, {key: health.status == 200})
        if call.name == "ServerMetadata":
            said = {
                "name": "goldenpath",
                "version": __version__,
                "extensions": inference_service.EXTENSIONS,
            }
            return _message(call.name, said)
        try:
            target = _target(call)
        except InvalidInput as error:
            return _refusal(400, error.message)
        headers = {
            name: value
            for name, value in call.headers.items()
            if not name.startswith(_OWN) and name not in (STAGE, b"host", _CALLER)
        }
        if word and call.peer:
            headers[_CALLER] = told(word, call.peer)
        headers[b"content-type"] = inference_service.MEDIA_TYPE.encode("ascii")
        return await upstream.request("POST", target, headers, call.message)

    return ask


def _target(call: Call) -> str:
    """Raises `InvalidInput` if the call names no stage, or a model that cannot be one."""
    if call.name == inference_service.INFER:
        model = parse_infer(call.message).model_name
    else:
        model = parse_named(call.message).name
    stage = call.headers.get(STAGE, b"").decode("latin-1")
    for what, name in (("stage", stage), ("model", model)):
        if _NAME.fullmatch(name) is None:
            raise InvalidInput(
                f"the call names no {what}: expected the metadata {STAGE.decode()} "
                "and the name of a model"
            )
    return f"/{stage}/{model}{inference_service.PREFIX}{call.name}"


async def _answer(reader: asyncio.StreamReader) -> tuple[CallReply, bool]:
    """The next answer, and whether the connection can be used again."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    shown = {name: value for name, value in headers.items() if name.startswith("x-goldenpath-")}
    keep = headers.get("connection", "").lower() != "close"
    return CallReply(int(first.split(" ", 2)[1]), shown, body), keep


def _message(name: str, fields: Mapping[str, object]) -> CallReply:
    return CallReply(200, {}, render(f"{name}Response", fields))


def _refusal(status: int, message: str) -> CallReply:
    return CallReply(status, {}, msgspec.json.encode({"error": message}))
