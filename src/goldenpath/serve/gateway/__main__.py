"""`python -m goldenpath.serve.gateway`: the gateway as a process, configured over stdin."""

import asyncio
import contextlib
import secrets
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import uvloop

from goldenpath.errors import GoldenPathError, InvalidInput, Unavailable
from goldenpath.http.listener import HttpListener
from goldenpath.http.tls import Shown
from goldenpath.processes.launch import GatewayLaunch, Routes
from goldenpath.processes.log_lines import log_line
from goldenpath.processes.socket_handover import SocketHandover, receive
from goldenpath.serve.gateway.caller_naming import Naming
from goldenpath.serve.gateway.dispatch import Dispatcher
from goldenpath.serve.gateway.proxy import Proxy

SWEEPS_A_SECOND = 10
DRAIN_SECONDS = 25.0
HANDED_OVER_SECONDS = 5.0
"""Seconds in which a client that keeps its connection is told to open another one."""
BIND_SECONDS = 3.0
"""Seconds to wait for the port of a gateway that is still draining."""
LINE_LIMIT = 64 * 1024 * 1024


def report(event: dict[str, object]) -> None:
    """Write one event for the supervisor; standard input shows if the supervisor is gone."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.buffer.write(msgspec.json.encode(event) + b"\n")
        sys.stdout.buffer.flush()


async def run() -> None:
    """Serve until standard input ends, then answer the open requests and exit."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LINE_LIMIT)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        launch = msgspec.json.decode(await reader.readline(), type=GatewayLaunch)
    except msgspec.DecodeError as error:
        raise InvalidInput(f"the first line of standard input is no launch: {error}") from error
    dispatcher = Dispatcher(
        loop,
        timeout=launch.timeout,
        held=launch.held,
        seed=secrets.randbits(64),
        report=report,
        scheme="https" if launch.listener_settings.certificate else "http",
    )
    shown = Shown(launch.listener_settings, log_line)
    loop.add_signal_handler(signal.SIGHUP, shown.reload)
    # No client may connect before the first routing table is in force.
    routes = await read_routes(reader)
    if routes is None:
        return
    dispatcher.apply(routes)
    listeners = [Proxy(dispatcher, Naming(launch.caller_secret)).listener()]
    if launch.inner:
        inside = Proxy(dispatcher, Naming(launch.caller_secret, is_inner=True)).listener()
        listeners.append(inside)
        await inside.open(f"unix:{launch.inner}")
    handover = handover_of(launch, loop)
    inherited = inherit(launch)
    address = await listeners[0].open(
        launch.listen, shown.context, BIND_SECONDS, inherited=inherited
    )
    if handover is not None:
        handover.offer(address, listeners[0].descriptor)
    report({"event": "ready", "address": address})
    report({"event": "applied", "generation": routes.generation})
    sweeping = loop.create_task(sweep(dispatcher, listeners))
    try:
        await follow(reader, dispatcher)
    finally:
        await drain(listeners, handover)
        sweeping.cancel()


def handover_of(launch: GatewayLaunch, loop: asyncio.AbstractEventLoop) -> SocketHandover | None:
    """Return where the next gateway asks for the listener; None if there can be none.

    It serves all the same, for example on a full disk. The next one is refused then.
    """
    try:
        return SocketHandover(Path(launch.handover), loop) if launch.handover else None
    except Unavailable as error:
        log_line(f"nobody can take over: {error.message}")
        return None


def inherit(launch: GatewayLaunch) -> socket.socket | None:
    """Return the listener of the gateway before; None if it listens elsewhere, or there is none.

    Raises `Unavailable` if it does not hand over.
    """
    if not launch.predecessor:
        return None
    address, listening = receive(Path(launch.predecessor))
    # Port 0 stands for any port, so the one that clients know already is right.
    if address == launch.listen or launch.listen.endswith(":0"):
        return listening
    listening.close()
    return None


async def drain(listeners: Sequence[HttpListener], handover: SocketHandover | None) -> None:
    """Answer what is open, then close everything.

    Where the next gateway has the listener, clients that keep their connection are told to open
    another one. Elsewhere nobody would answer there.
    """
    is_handed_over = handover is not None and handover.was_asked
    if handover is not None:
        handover.close()
    linger = HANDED_OVER_SECONDS if is_handed_over else 0.0
    async with asyncio.TaskGroup() as group:
        for listener in listeners:
            group.create_task(
                listener.drain(
                    linger=linger, limit=DRAIN_SECONDS - linger, is_handed_over=is_handed_over
                )
            )


async def follow(reader: asyncio.StreamReader, dispatcher: Dispatcher) -> None:
    """Apply every routing table until the supervisor is gone."""
    while routes := await read_routes(reader):
        dispatcher.apply(routes)
        report({"event": "applied", "generation": routes.generation})


async def read_routes(reader: asyncio.StreamReader) -> Routes | None:
    """Return the next routing table; None if the supervisor is gone."""
    line = await reader.readline()
    return msgspec.json.decode(line, type=Routes) if line else None


async def sweep(dispatcher: Dispatcher, listeners: Sequence[HttpListener]) -> None:
    """Enforce time limits, and send the counts for the canary judge once a second."""
    reported = 0
    while True:
        for _ in range(SWEEPS_A_SECOND):
            await asyncio.sleep(1 / SWEEPS_A_SECOND)
            dispatcher.sweep()
        for listener in listeners:
            listener.sweep()
        dispatcher.report_busy()
        total = sum(tally.requests for tally in dispatcher.tallies.values())
        if dispatcher.refusals.changed:
            report({"event": "refused", "refused": dispatcher.refusals.all()})
        if total != reported:
            reported = total
            report({"event": "tally", "tallies": dispatcher.tallies})


def main() -> None:
    """Run the gateway; a failure is one line on both outputs."""
    try:
        uvloop.run(run())
    except GoldenPathError as error:
        report({"event": "failed", "message": error.message, "hint": error.hint})
        sys.exit(f"error: {error.message}")


if __name__ == "__main__":
    main()
