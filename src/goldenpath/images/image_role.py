"""What an image is for: a server, what fetches a release before it, or the jobs of a stage."""

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
    """The verb that it runs; a container's arguments follow. Empty: they begin with a verb."""
    packages: tuple[str, ...]
    """The packages of the lock that it needs; empty: those of the server."""
    variables: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    needs_tools: bool = False
    """Whether it calls git."""


_FETCHING = (
    "cffi", "click", "cryptography", "msgspec", "numpy", "pycparser", "rfc8785", "urllib3",
)  # fmt: skip

_TELEMETRY = (
    "opentelemetry-api", "opentelemetry-sdk", "opentelemetry-semantic-conventions",
    "typing-extensions",
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
JOBS = ImageRole(
    "jobs",
    "goldenpath jobs of a stage: judge, witness and scoring",
    "",
    (*_FETCHING, "backports-zstd", "pyarrow", "pyyaml", "uvloop", *_TELEMETRY),
    needs_tools=True,
)
ROLES: Mapping[str, ImageRole] = {role.name: role for role in (SERVER, INITIALIZER, JOBS)}
