"""Runs the console on loopback until a signal ends it."""

import ipaddress
import socket
from collections.abc import Callable

import uvicorn

from goldenpath.console.console_app import ConsoleSources, console_app
from goldenpath.errors import InvalidInput, Unavailable

MOST_CONNECTIONS = 64
"""Open requests, each stream of changes among them; more get 503."""
_GRACE = 1
"""Seconds that requests have to end after a signal. A stream of changes never ends by itself."""


def serve_console(sources: ConsoleSources, listen: str, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM. `listen` is `HOST:PORT`; port 0 takes a free one.

    `ready` gets the address of the first page. Raises `InvalidInput` for an address beyond
    loopback: the console has no password. Raises `Unavailable` if the port is taken.
    """
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    if not ipaddress.ip_address(host).is_loopback:
        raise InvalidInput(
            f"--listen {listen}: expected an address of this machine alone, such as 127.0.0.1",
            hint="the console asks nobody who they are; reach it through ssh -L",
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, int(port)), family=family)
    except OSError as error:
        raise Unavailable(
            f"{listen} cannot be listened on: {error.strerror}", hint="take another port"
        ) from error
    shown = f"[{host}]" if ":" in host else host
    ready(f"http://{shown}:{listener.getsockname()[1]}/")
    config = uvicorn.Config(
        console_app(sources),
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE,
    )
    with listener:
        uvicorn.Server(config).run(sockets=[listener])
