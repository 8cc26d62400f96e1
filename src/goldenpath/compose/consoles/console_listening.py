"""Where a console listens and whom it shows its pages: flags, certificate and tokens together."""

import os
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from goldenpath.compose.consoles.console_address import ConsoleAddress, address_of
from goldenpath.compose.listeners import listener_settings
from goldenpath.errors import InvalidInput
from goldenpath.http.access import Access, load_access
from goldenpath.http.tls import Shown
from goldenpath.settings import ACCESS_VARIABLE, CERTIFICATE_VARIABLE, CONSOLE_ADDRESS

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})


@dataclass(frozen=True, slots=True)
class ConsoleListening:
    """A socket that listens, and what a browser has to show."""

    listener: socket.socket
    hosts: frozenset[str] = LOOPBACK
    """The names in the addresses of its pages, in lower case."""
    access: Access | None = None
    """The tokens; None: everybody who reaches the address."""
    shown: Shown | None = None
    """The certificate; None: plain HTTP."""
    ends_with_input: bool = False
    """Whether it ends when its standard input does, as a child of `goldenpath up`."""


def console_listening(
    listen: str | None, names: Sequence[str], inherited: int | None, report: Callable[[str], None]
) -> ConsoleListening:
    """Return the listener with the certificate and tokens of the environment.

    `inherited` is a socket of the process that started this one. Raises `InvalidInput` for an
    address beyond loopback without tokens and a certificate, `Unavailable` for a taken port.
    """
    settings = listener_settings(os.environ)
    address = ConsoleAddress.parse(listen or CONSOLE_ADDRESS)
    if inherited is None and not address.is_loopback:
        _require_protection(address, settings.access, settings.certificate)
    shown = Shown(settings, report)
    signal.signal(signal.SIGHUP, lambda *_: shown.reload())
    access = load_access(Path(settings.access), report) if settings.access else None
    listener = address.listener() if inherited is None else socket.socket(fileno=inherited)
    host = address_of(listener).rpartition(":")[0]
    hosts = frozenset({host, *(name.lower() for name in names)}) | (
        LOOPBACK if inherited is not None or address.is_loopback else frozenset()
    )
    return ConsoleListening(listener, hosts, access, shown, inherited is not None)


def _require_protection(address: ConsoleAddress, access: str, certificate: str) -> None:
    missing = [
        name
        for name, value in ((ACCESS_VARIABLE, access), (CERTIFICATE_VARIABLE, certificate))
        if not value
    ]
    if missing:
        raise InvalidInput(
            f"--listen {address.text} is reached from other machines, and {' and '.join(missing)} "
            f"{'are' if len(missing) > 1 else 'is'} not set: expected tokens and a certificate",
            hint="listen on 127.0.0.1, or see docs/console.md for tokens with the scope audit",
        )
