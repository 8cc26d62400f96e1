"""Requests at a fixed rate until standard input ends: `python -m bench.load HOST:PORT PATH RATE`.

The first line of standard input is the body. Ten times a second it says how many were sent, how
many failed, and when each release answered last, by the monotonic clock.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from itertools import count

CONNECTIONS = 16


async def main(address: str, path: str, rate: int) -> None:
    """Sends, and says what came of it."""
    loop = asyncio.get_running_loop()
    body = (await loop.run_in_executor(None, sys.stdin.readline)).strip().encode()
    end = loop.run_in_executor(None, sys.stdin.read)
    host, _, port = address.rpartition(":")
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    )
    said: dict[str, float] = {}
    failed: list[str] = []
    began, numbers = loop.time(), count()

    async def work(numbers: Iterator[int]) -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for number in numbers:
            await asyncio.sleep(began + number / rate - loop.time())
            if end.done():
                break
            try:
                writer.write(head + body)
                answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                fields = dict(line.split(": ", 1) for line in answer.split("\r\n")[1:-2])
                await reader.readexactly(int(fields["content-length"]))
                if answer.startswith("http/1.1 200"):
                    said[fields["x-goldenpath-release"]] = time.monotonic()
                else:
                    failed.append(answer)
            except (OSError, EOFError) as error:
                failed.append(str(error))
                reader, writer = await asyncio.open_connection(host, int(port))
        writer.close()

    async def tell() -> None:
        while not end.done():
            await asyncio.sleep(0.1)
            sent = next(numbers)
            line = {"sent": sent, "failed": len(failed), "last": said}
            print(json.dumps(line | {"rate": sent / (loop.time() - began)}), flush=True)

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(work(numbers))
        group.create_task(tell())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
