"""What an image is for: a server of releases, or the container that fetches one before it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

STATE = "/var/lib/goldenpath"
PROGRAM = "/usr/local/bin/goldenpath"


@dataclass(frozen=True, slots=True)
class ImageRole:
    """One kind of image."""

    name: str
    title: str
    verb: str
    """The verb that it runs; a container's arguments follow."""
    packages: tuple[str, ...]
    """The packages of the lock that it needs; empty: all but `uv`."""
    variables: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()


_FETCHING = (
    "cffi", "click", "cryptography", "msgspec", "numpy", "pycparser", "rfc8785", "urllib3",
)  # fmt: skip

SERVER = ImageRole(
    "server",
    "goldenpath model server",
    "serve",
    (),
    {
        "GOLDENPATH_SERVE_SOURCE": "/mnt/models",
        "GOLDENPATH_SERVE_LISTEN": "0.0.0.0:8080",
        "GOLDENPATH_SERVE_GRPC": "0.0.0.0:8081",
        "GOLDENPATH_SERVE_METRICS": "0.0.0.0:9090",
        "GOLDENPATH_SERVE_STATE": STATE,
        "GOLDENPATH_SERVE_DRAIN_DELAY": "5",
    },
    (8080, 8081, 9090),
)
INITIALIZER = ImageRole(
    "initializer", "goldenpath storage initializer that verifies", "fetch", _FETCHING
)
ROLES: Mapping[str, ImageRole] = {role.name: role for role in (SERVER, INITIALIZER)}
