"""Settings of listeners from the environment, for the server side and for callers."""

import ssl
from collections.abc import Mapping
from pathlib import Path

from goldenpath.deploy.machine.tenure import LONGEST_SOCKET
from goldenpath.errors import InvalidInput
from goldenpath.http.client import ServerAddress
from goldenpath.http.listener_settings import ListenerSettings
from goldenpath.settings import (
    ACCESS_VARIABLE,
    CA_VARIABLE,
    CERTIFICATE_VARIABLE,
    CLIENT_CA_VARIABLE,
    PRIVATE_KEY_VARIABLE,
    TOKEN_VARIABLE,
)


def listener_settings(environment: Mapping[str, str]) -> ListenerSettings:
    """Return the TLS and access files. Raises `InvalidInput` if one is missing."""
    names = (ACCESS_VARIABLE, CERTIFICATE_VARIABLE, PRIVATE_KEY_VARIABLE, CLIENT_CA_VARIABLE)
    files = [_file(name, environment.get(name, "")) for name in names]
    _, certificate, key, authorities = files
    if bool(certificate) != bool(key) or (authorities and not certificate):
        raise InvalidInput(
            f"TLS is set by halves: expected {CERTIFICATE_VARIABLE} and {PRIVATE_KEY_VARIABLE}, "
            f"and {CLIENT_CA_VARIABLE} only beside them"
        )
    return ListenerSettings(*files)


def gateway_address(address: str, scheme: str, environment: Mapping[str, str]) -> ServerAddress:
    """Return how to call the gateway: trusting `GOLDENPATH_CA_FILE`, with the token."""
    token = environment.get(TOKEN_VARIABLE, "")
    if scheme == "http":
        return ServerAddress(address, token=token)
    try:
        context = ssl.create_default_context(cafile=environment.get(CA_VARIABLE) or None)
        certificate = environment.get(CERTIFICATE_VARIABLE)
        if environment.get(CLIENT_CA_VARIABLE) and certificate:
            context.load_cert_chain(certificate, environment.get(PRIVATE_KEY_VARIABLE))
    except OSError as error:
        raise InvalidInput(f"the files for TLS cannot be used: {error}") from error
    return ServerAddress(address, context, token)


def inner_socket(run: Path, process: int) -> str:
    """Return the socket on which the gRPC listener reaches the gateway; its folder is created.

    Each supervisor, named by its `process`, has its own: two run while one takes over.

    Raises `InvalidInput` if the path is too long for the kernel.
    """
    path = (run / "sockets" / f"gateway-{process}.sock").absolute()
    if len(str(path)) > LONGEST_SOCKET:
        raise InvalidInput(
            f"{path} is too long for a socket: expected at most {LONGEST_SOCKET} letters",
            hint="put GOLDENPATH_HOME where its path is shorter, or leave out --grpc",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    return str(path)


def _file(name: str, path: str) -> str:
    if path and not Path(path).is_file():
        raise InvalidInput(f"{name} names {path}, which is not a file")
    return str(Path(path).absolute()) if path else ""
