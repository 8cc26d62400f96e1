"""What a supervisor tells its children: the first line on their standard input, as JSON.

A child lives as long as its standard input: end of file means drain and exit. Its standard output
carries one JSON object per line for the supervisor, its standard error is a log for people.
"""

from dataclasses import dataclass
from typing import Literal

from goldenpath.http.listener_settings import ListenerSettings

_OPEN_TO_ALL = ListenerSettings()


@dataclass(frozen=True, slots=True)
class TrustedPem:
    """A key that may sign releases, as a child process needs it. Times RFC 3339 or empty."""

    name: str
    pem: str
    valid_from: str = ""
    valid_until: str = ""
    revoked_at: str = ""


@dataclass(frozen=True, slots=True)
class ServerLaunch:
    """Everything that one model server process needs; it reads nothing else from outside."""

    stage: str
    model: str
    slot: str
    digest: str
    replica: str
    """Unique per start; names the spool file and the telemetry instance."""
    store: str
    """Folder of the OCI image layout that holds the release."""
    keys: tuple[TrustedPem, ...]
    required: tuple[str, ...]
    """Predicate types that must be there, each signed by one of `keys`."""
    listen: str
    """`unix:PATH` or `127.0.0.1:PORT`; port 0 picks one."""
    spool: str
    """Folder into which records of answers are written before the answers are sent; empty: off."""
    repository: str = ""
    builder: str = ""
    threshold: int = 1
    """Different keys of `keys` that must have signed the release."""
    on_loss: Literal["serve", "refuse"] = "serve"
    """What happens to requests whose record cannot be written: answered and counted, or refused."""
    access: str = ""
    """File of bearer tokens and issuers; empty: everybody who reaches the address may ask."""
    certificate: str = ""
    """PEM file of what the server presents; empty: no TLS."""
    private_key: str = ""
    client_authorities: str = ""
    """PEM file of authorities; with it every client needs a certificate of theirs."""
    scratch: str = ""
    """Folder in which a model that is code gets a place of its own, for as long as it runs."""
    uv: str = "uv"
    search: str = ""
    """`PATH` on which uv finds a Python of another version than that of the server."""
    grpc: str = ""
    """Where calls over gRPC are taken as well, `unix:PATH` or `127.0.0.1:PORT`; empty: nowhere."""
    word: str = ""
    """Behind which the gateway names callers; empty: whatever is said of them is ignored."""


@dataclass(frozen=True, slots=True)
class ServingTerms:
    """What a server is told while it serves, a line each time that it changes."""

    on_loss: Literal["serve", "refuse"] = "serve"


@dataclass(frozen=True, slots=True)
class RouteSlot:
    """One release behind a route."""

    name: str
    digest: str
    percent: int
    addresses: tuple[str, ...]
    """`unix:PATH` or `127.0.0.1:PORT` of each replica."""
    shadow: bool = False
    """Gets a copy of every request after the answer went out; never answers itself."""


@dataclass(frozen=True, slots=True)
class Route:
    """`/<stage>/<model>/…` goes to these slots, in the proportion of their percentages."""

    stage: str
    model: str
    slots: tuple[RouteSlot, ...]


@dataclass(frozen=True, slots=True)
class Routes:
    """The whole routing table; the gateway answers each with its generation once it is in force."""

    generation: int
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True)
class GatewayLaunch:
    """What the gateway is told first; `Routes` follow, one per line."""

    listen: str
    """`127.0.0.1:PORT`; port 0 picks one, and the event `ready` says which."""
    timeout: float = 30.0
    """Seconds until an unanswered request gets 504, and a held one 503."""
    held: int = 1000
    """Requests that may wait for a slot without a ready server."""
    entrance: ListenerSettings = _OPEN_TO_ALL
    """Tokens are looked at by the model servers behind it."""
    inner: str = ""
    """Path of a socket on which the door for gRPC comes in, without TLS; empty: there is none."""
    word: str = ""
    """Behind which callers are named."""


@dataclass(frozen=True, slots=True)
class DoorLaunch:
    """What the gRPC door before the gateway is told; there is nothing else to say."""

    listen: str
    """`127.0.0.1:PORT`."""
    gateway: str
    """`unix:PATH` or `HOST:PORT` to which calls are handed on, without TLS."""
    timeout: float = 30.0
    entrance: ListenerSettings = _OPEN_TO_ALL
    word: str = ""
    """Behind which callers are named."""
