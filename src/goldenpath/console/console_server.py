"""Runs the console until a signal ends it, or the supervisor that started it."""

import os
import signal
import threading
from collections.abc import Callable

import uvicorn

from goldenpath.compose.consoles.console_address import address_of
from goldenpath.compose.consoles.console_listening import ConsoleListening
from goldenpath.console.console_app import ConsoleSources, console_app
from goldenpath.console.request_guard import Admission

MOST_CONNECTIONS = 64
"""Open requests, each stream of changes among them; more get 503."""
_GRACE = 1
"""Seconds that requests have to end after a signal. A stream of changes never ends by itself."""


def serve_console(
    sources: ConsoleSources, listening: ConsoleListening, ready: Callable[[str], None]
) -> None:
    """Serve until SIGINT or SIGTERM. `ready` gets the address of the first page."""
    tls = listening.shown.context if listening.shown is not None else None
    scheme = "https" if tls is not None else "http"
    ready(f"{scheme}://{address_of(listening.listener)}/")
    config = uvicorn.Config(
        console_app(sources, Admission(listening.hosts, listening.access)),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE,
    )
    config.load()
    config.ssl = tls
    server = uvicorn.Server(config)
    for each in (signal.SIGINT, signal.SIGTERM):
        # The server raises a signal again once it has ended: then there is nothing left to end.
        signal.signal(each, lambda *_: None)
    if listening.ends_with_input:
        threading.Thread(target=_end_with_input, daemon=True).start()
    with listening.listener:
        server.run(sockets=[listening.listener])


def _end_with_input() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
