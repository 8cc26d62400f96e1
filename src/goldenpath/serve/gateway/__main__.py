"""`python -m goldenpath.serve.gateway`: the gateway as a process, told what to do on stdin."""

import asyncio
import contextlib
import errno
import os
import secrets
import signal
import ssl
import sys
from collections.abc import Callable

import msgspec
import uvloop

from goldenpath.errors import GoldenPathError, InvalidInput, Unavailable
from goldenpath.http.tls import HANDSHAKE_TIME, Shown
from goldenpath.processes.launch import GatewayLaunch, Routes
from goldenpath.serve.gateway.caller_naming import Naming
from goldenpath.serve.gateway.dispatch import Dispatcher
from goldenpath.serve.gateway.proxy import ClientConnection, ClientConnections

SWEEPS_A_SECOND = 10
DRAIN_SECONDS = 25.0
BIND_SECONDS = 3.0
"""How long a port may still belong to a gateway that is going away."""
LINE_LIMIT = 64 * 1024 * 1024


def tell(event: dict[str, object]) -> None:
    """One event for the supervisor; a supervisor that is gone is noticed at standard input."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.buffer.write(msgspec.json.encode(event) + b"\n")
        sys.stdout.buffer.flush()


def _log(message: str) -> None:
    """One line for people."""
    sys.stderr.write(f"{message}\n")


async def listen(
    loop: asyncio.AbstractEventLoop,
    address: str,
    make: Callable[[], ClientConnection],
    tls: ssl.SSLContext | None = None,
) -> asyncio.Server:
    """A server on `HOST:PORT`. Raises `Unavailable` if somebody else keeps the port."""
    host, _, port = address.rpartition(":")
    give_up = loop.time() + BIND_SECONDS
    while True:
        try:
            return await loop.create_server(
                make,
                host,
                int(port),
                backlog=1024,
                ssl=tls,
                ssl_handshake_timeout=HANDSHAKE_TIME if tls else None,
            )
        except OSError as error:
            if error.errno != errno.EADDRINUSE or loop.time() > give_up:
                in_use = error.errno == errno.EADDRINUSE
                reason = "another program has the port" if in_use else error
                raise Unavailable(
                    f"the gateway cannot listen on {address}: {reason}",
                    hint="stop the program that uses the port, or choose another with --listen",
                ) from error
        await asyncio.sleep(0.1)


async def listen_inside(path: str, make: Callable[[], ClientConnection]) -> asyncio.Server:
    """A server on a socket that only this user may open."""
    mask = os.umask(0o177)
    try:
        return await asyncio.get_running_loop().create_unix_server(make, path, backlog=1024)
    except OSError as error:
        raise Unavailable(f"the gateway cannot listen on {path}: {error}") from error
    finally:
        os.umask(mask)


async def run() -> None:
    """Serves until standard input ends, then answers what came before and leaves."""
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
        tell=tell,
        scheme="https" if launch.entrance.certificate else "http",
    )
    clients = ClientConnections()
    shown = Shown(launch.entrance, _log)
    loop.add_signal_handler(signal.SIGHUP, shown.reload)
    # No client may meet a gateway that does not know yet what it is to serve.
    routes = await read_routes(reader)
    if routes is None:
        return
    dispatcher.apply(routes)
    inside = None
    if launch.inner:
        naming = Naming(launch.word, is_inner=True)
        inside = await listen_inside(
            launch.inner, lambda: ClientConnection(dispatcher, clients, naming)
        )
    outside = Naming(launch.word)
    server = await listen(
        loop, launch.listen, lambda: ClientConnection(dispatcher, clients, outside), shown.context
    )
    host, port = server.sockets[0].getsockname()[:2]
    tell({"event": "ready", "address": f"{host}:{port}"})
    tell({"event": "applied", "generation": routes.generation})
    sweeping = loop.create_task(sweep(dispatcher, clients))
    try:
        await follow(reader, dispatcher)
    finally:
        server.close()
        if inside is not None:
            inside.close()
        clients.drain()
        give_up = loop.time() + DRAIN_SECONDS
        while clients.open and loop.time() < give_up:
            await asyncio.sleep(0.02)
        sweeping.cancel()


async def follow(reader: asyncio.StreamReader, dispatcher: Dispatcher) -> None:
    """Applies every routing table until the supervisor is gone."""
    while routes := await read_routes(reader):
        dispatcher.apply(routes)
        tell({"event": "applied", "generation": routes.generation})


async def read_routes(reader: asyncio.StreamReader) -> Routes | None:
    """The next routing table; None if the supervisor is gone."""
    line = await reader.readline()
    return msgspec.json.decode(line, type=Routes) if line else None


async def sweep(dispatcher: Dispatcher, clients: ClientConnections) -> None:
    """Time limits, and once a second the counts for the canary judge."""
    loop = asyncio.get_running_loop()
    told = 0
    while True:
        for _ in range(SWEEPS_A_SECOND):
            await asyncio.sleep(1 / SWEEPS_A_SECOND)
            dispatcher.sweep()
        clients.expire(loop.time())
        dispatcher.tell_busy()
        total = sum(tally.requests for tally in dispatcher.tallies.values())
        if dispatcher.refusals.changed:
            tell({"event": "refused", "refused": dispatcher.refusals.all()})
        if total != told:
            told = total
            tell({"event": "tally", "tallies": dispatcher.tallies})


def main() -> None:
    """Runs the gateway; a failure is one line on both outputs."""
    try:
        uvloop.run(run())
    except GoldenPathError as error:
        tell({"event": "failed", "message": error.message, "hint": error.hint})
        sys.exit(f"error: {error.message}")


if __name__ == "__main__":
    main()
