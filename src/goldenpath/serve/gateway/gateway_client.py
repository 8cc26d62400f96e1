"""A small, quick HTTP client for one path of one gateway: many requests over few connections."""

import asyncio
import ssl
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from goldenpath.errors import Unavailable

MAX_HEAD = 64 * 1024
MAX_ANSWER = 64 * 1024 * 1024
TIMEOUT = 60.0

Call = tuple[Sequence[tuple[str, str]], bytes]
"""Headers and body of one request."""


@dataclass(frozen=True, slots=True)
class GatewayAddress:
    """Where a gateway answers, and what it takes to be let in."""

    address: str
    tls: ssl.SSLContext | None = None
    token: str = ""

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection."""
        host, _, port = self.address.rpartition(":")
        return await asyncio.open_connection(host, int(port), limit=MAX_HEAD, ssl=self.tls)


@dataclass(frozen=True, slots=True)
class GatewayReply:
    """The answer to one request, or status 0 and the reason why there is none."""

    number: int
    """Position of the request in the sequence."""
    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float


def post_all(
    door: GatewayAddress | str, path: str, calls: Iterable[Call], concurrency: int
) -> list[GatewayReply]:
    """Posts every call to the path behind the door; the replies are in the order of the calls.

    An address alone is a door without TLS and token. Raises `Unavailable` if nobody listens there.
    """
    import uvloop

    door = GatewayAddress(door) if isinstance(door, str) else door
    return uvloop.run(_post_all(door, path, calls, concurrency))


async def _post_all(
    door: GatewayAddress, path: str, calls: Iterable[Call], concurrency: int
) -> list[GatewayReply]:
    waiting = enumerate(calls)
    replies: list[GatewayReply] = []
    try:
        _, writer = await door.open()
    except OSError as error:
        raise Unavailable(
            f"no gateway answers at {door.address}: {error}", hint="start it with goldenpath up"
        ) from error
    writer.close()
    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(_work(door, path, waiting, replies))
    return sorted(replies, key=lambda reply: reply.number)


async def _work(
    door: GatewayAddress,
    path: str,
    waiting: Iterator[tuple[int, Call]],
    replies: list[GatewayReply],
) -> None:
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    for number, (headers, body) in waiting:
        began = time.perf_counter()
        try:
            async with asyncio.timeout(TIMEOUT):
                if streams is None:
                    streams = await door.open()
                streams[1].write(_render(door, path, headers, body))
                status, got, content = await _read(streams[0])
            if got.get("connection") == "close":
                streams[1].close()
                streams = None
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            status, got, content = 0, {}, f"{type(error).__name__}: {error}".encode()
            if streams is not None:
                streams[1].close()
            streams = None
        replies.append(GatewayReply(number, status, got, content, time.perf_counter() - began))
    if streams is not None:
        streams[1].close()


def _render(
    door: GatewayAddress, path: str, headers: Sequence[tuple[str, str]], body: bytes
) -> bytes:
    host = door.address.rpartition(":")[0]
    lines = [f"POST {path} HTTP/1.1", f"host: {host}", f"content-length: {len(body)}"]
    if door.token:
        lines.append(f"authorization: Bearer {door.token}")
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


async def _read(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head[:-4].split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    length = int(headers.get("content-length", "0"))
    if length > MAX_ANSWER:
        raise ValueError(f"the answer has {length} bytes")
    return int(first.split(" ", 2)[1]), headers, await reader.readexactly(length)
