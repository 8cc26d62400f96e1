"""A model server without a model: the child protocol and HTTP are real, the answer is its name.

Digests that start with `sha256:dead` crash at start, `sha256:slow` ones answer late.
"""

import asyncio
import json
import os
import sys

import msgspec

from goldenpath.processes.launch import ServerConfiguration

COUNT: list[str] = []
HOARD: list[bytes] = []


async def answer(
    launch: ServerConfiguration, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answers every request on one connection."""
    COUNT.append(launch.replica)
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            lines = head.decode("latin-1").lower().split("\r\n")
            length = next((int(x[15:]) for x in lines if x.startswith("content-length:")), 0)
            if "x-early: 1" in lines:
                writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\n{}")
                break
            body = await reader.readexactly(length)
            if b"exit now" in body:
                os._exit(9)
            if b"slowly" in body:
                await asyncio.sleep(1.5)
            if body.startswith((b"large ", b"break off ")):
                await large(int(body.split()[-1]), writer, whole=body.startswith(b"large "))
                continue
            if body == b"grow":
                HOARD.append(b"x" * (1 << 28))
            told = {
                "variable": os.environ.get("THRESHOLD"),
                "slot": launch.slot,
                "replica": launch.replica,
                "head": lines,
                "got": length,
            }
            told["connections"] = len(COUNT)
            content = json.dumps(told).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(content))
            writer.write(b"" if lines[0].startswith("head ") else content)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionResetError):
        pass
    finally:
        writer.close()


async def large(size: int, writer: asyncio.StreamWriter, *, whole: bool) -> None:
    """An answer in many pieces; one that is not whole ends in the middle."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
    for _ in range(size // 65536 if whole else size // 131072):
        writer.write(b"x" * 65536)
        await writer.drain()
    if not whole:
        writer.close()


async def run() -> None:
    """Serves until standard input ends."""
    loop = asyncio.get_running_loop()
    stdin = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    launch = msgspec.json.decode(await stdin.readline(), type=ServerConfiguration)
    if launch.digest.startswith("sha256:dead"):
        sys.exit("the model is broken")
    kind, _, path = launch.listen.partition(":")
    if kind == "unix":
        await asyncio.start_unix_server(lambda r, w: answer(launch, r, w), path)
        address = launch.listen
    else:
        server = await asyncio.start_server(lambda r, w: answer(launch, r, w), "127.0.0.1", 0)
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    sys.stdout.write(json.dumps({"event": "ready", "address": address}) + "\n")
    sys.stdout.flush()
    await stdin.read()
    await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(run())
