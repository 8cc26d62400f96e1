"""TLS of the listener: TLS 1.2 or later, and on demand only for clients with a certificate."""

import ssl
from collections.abc import Callable
from pathlib import Path

from goldenpath.errors import GoldenPathError, InvalidInput
from goldenpath.http.listener_settings import ListenerSettings

HANDSHAKE_TIME = 10.0
"""Seconds in which a client must have shaken hands."""


def server_context(certificate: Path, key: Path, authorities: Path | None) -> ssl.SSLContext:
    """What the listener presents; with `authorities` every client needs a certificate of theirs.

    Raises `InvalidInput` if a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:
        raise InvalidInput(f"{certificate} and {key} are no certificate: {error}") from error
    if authorities is not None:
        try:
            context.load_verify_locations(authorities)
        except OSError as error:
            raise InvalidInput(f"{authorities} holds no certificates: {error}") from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class Shown:
    """The certificate that is shown, read again on demand while connections come in."""

    def __init__(self, entrance: ListenerSettings, report: Callable[[str], None]) -> None:
        """Raises `InvalidInput` if a file cannot be used."""
        self._entrance = entrance
        self._report = report
        self.context: ssl.SSLContext | None = None
        """For the listener; None without TLS."""
        self.renewed = 0
        """How often another certificate was taken."""
        if entrance.certificate:
            self.context = self._read()
            self._shown = self.context
            self.context.sni_callback = self._show
        elif entrance.client_authorities:
            raise InvalidInput("clients can show certificates only to a server that has one")

    def reload(self) -> None:
        """Reads certificate and key again; what cannot be used changes nothing and is reported."""
        if self.context is None:
            return
        try:
            # A context of its own: certificate and key change in two steps, and a handshake that
            # falls between them would meet one without the other.
            self._shown = self._read()
        except GoldenPathError as error:
            self._report(f"not reloaded: {error.message}")
        else:
            self.renewed += 1

    def _show(self, connection: ssl.SSLObject, _name: str | None, _asked: ssl.SSLContext) -> None:
        connection.context = self._shown

    def _read(self) -> ssl.SSLContext:
        files = self._entrance
        authorities = Path(files.client_authorities) if files.client_authorities else None
        return server_context(Path(files.certificate), Path(files.private_key), authorities)


def peer_name(certificate: object) -> str:
    """The name in what a connection says of its client, empty if there is none.

    The common name; else the first URI, which is what workloads have (SPIFFE), or host name.
    """
    if not isinstance(certificate, dict):
        return ""
    pairs = [pair for part in certificate.get("subject", ()) for pair in part]
    pairs += certificate.get("subjectAltName", ())
    for kind in ("commonName", "URI", "DNS"):
        for name, value in pairs:
            if name == kind and value:
                return str(value)[:256]
    return ""
