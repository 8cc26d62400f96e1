"""TLS of a gRPC listener, from the same files as that of the HTTP listener."""

from collections.abc import Callable
from pathlib import Path

import grpc

from goldenpath.errors import InvalidInput
from goldenpath.http.listener_settings import ListenerSettings


def credentials(
    settings: ListenerSettings, renewed: Callable[[], int], report: Callable[[str], None]
) -> object | None:
    """Return the credentials, reloaded whenever `renewed` increases; None without TLS.

    Raises `InvalidInput` if a file cannot be read.
    """
    if not settings.certificate:
        return None
    shown = renewed()

    def renew() -> object:
        nonlocal shown
        if renewed() == shown:
            return None
        try:
            fresh = _configuration(settings)
        except OSError as error:
            report(f"not reloaded for gRPC: {error}")
            return None
        shown = renewed()
        return fresh

    try:
        first = _configuration(settings)
    except OSError as error:
        raise InvalidInput(f"the files for TLS cannot be read: {error}") from error
    needed = bool(settings.client_authorities)
    made: object = grpc.dynamic_ssl_server_credentials(first, renew, needed)
    return made


def _configuration(settings: ListenerSettings) -> object:
    authorities = settings.client_authorities
    made: object = grpc.ssl_server_certificate_configuration(
        [(Path(settings.private_key).read_bytes(), Path(settings.certificate).read_bytes())],
        root_certificates=Path(authorities).read_bytes() if authorities else None,
    )
    return made
