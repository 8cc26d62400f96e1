"""TLS of the listener: TLS 1.2 or later, and on demand only for clients with a certificate."""

import ssl
from pathlib import Path

from goldenpath.errors import InvalidInput

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


def peer_name(certificate: object) -> str:
    """The common name in what a connection says of its client, empty if there is none."""
    if not isinstance(certificate, dict):
        return ""
    for part in certificate.get("subject", ()):
        for name, value in part:
            if name == "commonName":
                return str(value)[:256]
    return ""
