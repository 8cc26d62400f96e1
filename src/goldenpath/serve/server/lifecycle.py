"""The life of a model server process: verified model, listeners, traffic, orderly end.

A `ServerConfiguration` is the only configuration. `goldenpath up` writes it on the standard input
of a child, `goldenpath serve` makes it from flags and environment; the rest is the same. A server
that cannot verify its release reports it and exits. SIGTERM starts the drain, and so does the end
of standard input where a supervisor holds the other end.
"""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

import msgspec
import uvloop

from goldenpath.errors import GoldenPathError, InvalidInput
from goldenpath.http.limits import Limits
from goldenpath.processes.cgroup import cgroup_limits
from goldenpath.processes.launch import ServerConfiguration, ServingTerms
from goldenpath.processes.log_lines import log_line
from goldenpath.processes.sidecar import Sidecar
from goldenpath.serve.model.loaded_release import load
from goldenpath.serve.server.companions import Companions
from goldenpath.serve.server.release_server import ReleaseServer, ServerOutput

MAX_LAUNCH = 1024 * 1024
"""Bytes of the longest launch line."""


def main() -> int:
    """Run the server of a supervisor until it has drained, and return its exit code."""
    try:
        run(read_launch(0), ServerOutput(send_event, log_line), commands=0)
    except GoldenPathError as error:
        send_event({"event": "failed", "error": error.message, "hint": error.hint})
        return error.exit_code
    return 0


def run(
    launch: ServerConfiguration,
    output: ServerOutput,
    *,
    commands: int | None = None,
    beside: Sequence[Sidecar] = (),
) -> None:
    """Verify, load and serve one release until it has drained.

    A supervisor sends `ServingTerms` on the descriptor `commands`. The processes in `beside` start
    when the server is ready, and end after its last record.
    """
    started = time.monotonic()
    limits = cgroup_limits()
    with ExitStack() as stack:
        content = load(launch, datetime.now(UTC), stack, limits)
        server = ReleaseServer(launch, content, output, server_limits(limits.memory))
        uvloop.run(
            _serve(launch, server, output, started=started, commands=commands, beside=beside)
        )


def read_launch(descriptor: int) -> ServerConfiguration:
    """Read the first line of standard input. Raises `InvalidInput` if it is no launch record."""
    line = b""
    while not line.endswith(b"\n"):
        # Byte by byte, because the bytes after the line belong to another reader.
        chunk = os.read(descriptor, 1)
        if not chunk:
            break
        line += chunk
        if len(line) > MAX_LAUNCH:
            raise InvalidInput(f"the launch line is too long: expected at most {MAX_LAUNCH} bytes")
    try:
        return msgspec.json.decode(line, type=ServerConfiguration)
    except ValueError as error:
        raise InvalidInput(f"the first line of standard input is no launch: {error}") from error


def server_limits(memory: int | None) -> Limits:
    """Return the limits for callers. Their bodies take at most an eighth of a limited memory."""
    usual = Limits()
    if memory is None:
        return usual
    return Limits(bodies=max(usual.body, min(usual.bodies, memory // 8)))


async def _serve(
    launch: ServerConfiguration,
    server: ReleaseServer,
    output: ServerOutput,
    *,
    started: float,
    commands: int | None,
    beside: Sequence[Sidecar],
) -> None:
    """Serve until a signal or the end of `commands` asks for the end."""
    await server.prepare()
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def apply_terms(line: bytes) -> None:
        try:
            server.apply(msgspec.json.decode(line, type=ServingTerms))
        except ValueError as error:
            output.log(f"a line of standard input is not understood: {error}")

    if commands is not None:
        hear_lines(commands, loop, apply_terms, stop.set)
    loop.add_signal_handler(signal.SIGHUP, server.reload)
    output.event(await server.listen(started))
    companions = Companions(beside, output.event)
    companions.look()
    await stop.wait()
    answered = await server.close()
    companions.end()
    output.event({"event": "drained", "answered": answered, "lost": server.lost})


def hear_lines(
    commands: int,
    loop: asyncio.AbstractEventLoop,
    hear: Callable[[bytes], object],
    end: Callable[[], object],
) -> None:
    """Call `hear` in the event loop with each line of a descriptor, and `end` after the last."""

    def read() -> None:
        rest = b""
        while chunk := os.read(commands, 1 << 16):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                loop.call_soon_threadsafe(hear, line)
            rest = rest[-MAX_LAUNCH:]
        loop.call_soon_threadsafe(end)

    # A thread, because an event loop cannot watch every kind of standard input.
    threading.Thread(target=read, name="stdin", daemon=True).start()


def send_event(event: Mapping[str, object]) -> None:
    """Write one event for the supervisor; a closed pipe is only logged."""
    try:
        os.write(1, msgspec.json.encode(event) + b"\n")
    except OSError as error:
        log_line(f"nobody reads the events: {error}")
