"""`python -m goldenpath.serve.grpc`: the gRPC listener of the gateway, a child of `up`.

It is a separate process, so that costs and faults of HTTP/2 affect neither gateway nor servers. The
first line on standard input is a `GrpcLaunch`. End of input means: answer open calls, then exit.
"""

import asyncio
import signal
import sys
from pathlib import Path

import msgspec
import uvloop

from goldenpath.errors import GoldenPathError, InvalidInput
from goldenpath.http.access import Access, load_access
from goldenpath.http.client import HttpClient, ServerAddress
from goldenpath.http.tls import Shown
from goldenpath.processes.launch import GrpcLaunch
from goldenpath.processes.log_lines import log_line
from goldenpath.serve.grpc.grpc_forward import forward
from goldenpath.serve.grpc.grpc_listener import GrpcListener, refuse_taken
from goldenpath.serve.grpc.grpc_tls import credentials

LARGEST = 8 * 1024 * 1024
"""Bytes of the longest message, the same limit as in the model servers."""
GRACE = 20.0


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
    listener = GrpcListener(asked, largest=LARGEST, shares_port=True)
    secure = credentials(launch.listener_settings, lambda: shown.renewed, log_line)
    _send_event({"event": "ready", "address": await listener.open(launch.listen, secure)})
    await reader.read()
    await listener.close(GRACE)
    gateway.close()


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
