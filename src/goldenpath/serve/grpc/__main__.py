"""`python -m goldenpath.serve.grpc`: the gRPC listener of the gateway, a child of `up`.

It is a separate process, so that costs and faults of HTTP/2 affect neither gateway nor servers. The
first line on standard input is a `GrpcLaunch`. End of input means: answer open calls, then exit.
"""

import asyncio
import signal
import sys
import time
from pathlib import Path

import msgspec
import uvloop

from goldenpath.errors import GoldenPathError, InvalidInput, Unavailable
from goldenpath.http.access import Access, load_access
from goldenpath.http.client import HttpClient, ServerAddress
from goldenpath.http.tls import Shown
from goldenpath.processes.launch import GrpcLaunch
from goldenpath.processes.log_lines import log_line
from goldenpath.serve.grpc.grpc_forward import forward
from goldenpath.serve.grpc.grpc_listener import GrpcListener
from goldenpath.serve.grpc.grpc_tls import credentials
from goldenpath.serve.grpc.shared_port import SharedPort, refuse_taken

LARGEST = 8 * 1024 * 1024
"""Bytes of the longest message, the same limit as in the model servers."""
GRACE = 20.0
_JITTER = 1.1
"""gRPC lets connections get older than it was told, by a tenth at most."""
_LEAVING = 8.0
"""Seconds for a client that was asked to connect again, on a machine with much to do."""
_NAP = 0.02


async def run() -> None:
    """Forward calls until standard input ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        launch = msgspec.json.decode(await reader.readline(), type=GrpcLaunch)
    except msgspec.DecodeError as error:
        raise InvalidInput(f"the first line of standard input is no launch: {error}") from error
    shown = Shown(launch.listener_settings, log_line)
    access = _access(launch)

    def reload() -> None:
        nonlocal access
        shown.reload()
        try:
            access = _access(launch)
        except GoldenPathError as error:
            log_line(f"not reloaded: {error.message}")

    loop.add_signal_handler(signal.SIGHUP, reload)
    gateway = HttpClient(ServerAddress(launch.gateway), launch.timeout)
    asked = forward(gateway, launch.caller_secret, lambda: access)
    if not launch.is_shared:
        refuse_taken(launch.listen)
    listener = GrpcListener(asked, largest=LARGEST, shares_port=True, age=launch.connection_age)
    secure = credentials(launch.listener_settings, lambda: shown.renewed, log_line)
    address = await listener.open(launch.listen, secure)
    port = SharedPort(int(address.rpartition(":")[2]))
    try:
        port.claim()
    except Unavailable as error:
        log_line(f"a restart may cost a call: {error.message}")
    _send_event({"event": "ready", "address": address})
    await reader.read()
    if port.has_successor():
        await _clients_left(port, launch.connection_age * _JITTER + _LEAVING)
    await listener.close(GRACE)
    gateway.close()


async def _clients_left(port: SharedPort, seconds: float) -> None:
    """Wait until the clients have left for the listener that takes over.

    Each is asked to connect again when its connection is old enough, and no new one comes here.
    """
    give_up = time.monotonic() + seconds
    while (still := port.connections()) and time.monotonic() < give_up:
        await asyncio.sleep(_NAP)
    if still:
        log_line(f"{still} connections were still open after {seconds:.0f} s")


def _access(launch: GrpcLaunch) -> Access | None:
    file = launch.listener_settings.access
    return load_access(Path(file), log_line) if file else None


def main() -> int:
    """Run the listener; a failure is one line on both outputs."""
    # Ctrl-C reaches the whole group; the supervisor ends this process after the drain.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        uvloop.run(run())
    except GoldenPathError as error:
        _send_event({"event": "failed", "message": error.message})
        return error.exit_code
    return 0


def _send_event(event: dict[str, str]) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(event) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
