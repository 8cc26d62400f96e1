"""Launch records: the first line on a child's standard input, as JSON.

A child lives as long as its standard input: end of file means drain and exit. Its standard output
carries one JSON object per line for the supervisor, its standard error is a log for people.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from goldenpath.http.listener_settings import ListenerSettings

_OPEN_TO_ALL = ListenerSettings()


@dataclass(frozen=True, slots=True)
class TrustedPem:
    """A key that may sign releases, for a child process. Times are RFC 3339 or empty."""

    name: str
    pem: str
    valid_from: str = ""
    valid_until: str = ""
    revoked_at: str = ""


@dataclass(frozen=True, slots=True)
class ReleaseTrust:
    """What a model server verifies itself before it loads anything."""

    keys: tuple[TrustedPem, ...]
    required: tuple[str, ...]
    """Required predicate types, each signed by one of `keys`."""
    repository: str = ""
    builder: str = ""
    threshold: int = 1
    """Number of different keys of `keys` that must have signed the release."""
    job: tuple[str, ...] = ()
    """Issuer, subject, repository and workflow that the token of its CI job must name."""
    seen: Mapping[str, str] | None = None
    """When a follower saw statements at the latest, RFC 3339, by digest of their envelope. None:
    nobody knows more than the date in a statement itself."""


@dataclass(frozen=True, slots=True)
class ReleaseSource:
    """Where the bytes of a release are: an OCI image layout, or a folder of unpacked files."""

    path: str
    form: Literal["layout", "folder"] = "layout"
    evidence: str = ""
    """Layout or `oci://` repository with manifest and statements of unpacked files; empty: none."""
    declared: str = ""
    """Digest of the release that unpacked files are, where only the caller says so."""


@dataclass(frozen=True, slots=True)
class CodeSettings:
    """What a model that is code needs besides its release."""

    scratch: str = ""
    """Folder in which it gets its own temporary folder while it runs."""
    uv: str = "uv"
    search: str = ""
    """`PATH` on which uv finds other versions of Python than that of the server."""


_NO_CODE = CodeSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfiguration:
    """The whole configuration of a model server, for `goldenpath up` and `goldenpath serve`."""

    stage: str
    model: str
    """Name of the model; empty: that of the release."""
    slot: str
    digest: str
    replica: str
    """Unique per start; names the spool file and the telemetry instance."""
    source: ReleaseSource
    trust: ReleaseTrust | None
    """None: nobody named a trust file, so nothing is verified and every answer says so."""
    listen: str
    """`unix:PATH` or `HOST:PORT`; port 0 picks one."""
    grpc: str = ""
    """Address for gRPC calls, `unix:PATH` or `HOST:PORT`; empty: no gRPC."""
    listener_settings: ListenerSettings = _OPEN_TO_ALL
    spool: str
    """Folder for the records of answers, written before the answers are sent; empty: off."""
    on_loss: Literal["serve", "refuse"] = "serve"
    """Policy for requests whose record cannot be written: answer and count them, or refuse them."""
    code: CodeSettings = _NO_CODE
    caller_secret: str = ""
    """Secret that proves the gateway's caller header; empty: the header is ignored."""
    is_behind_gateway: bool = True
    """Whether callers at a local address may mark a request as a shadow or canary."""
    threads: int = 1
    """Threads of ONNX Runtime for one call."""
    drain_delay: float = 0.0
    """Seconds for which a server that was asked to end still answers, while it is not ready."""
    is_shared: bool = False
    """Whether its process holds other releases too."""


@dataclass(frozen=True, slots=True)
class ServingTerms:
    """The rules of a stage for serving; a running server gets a line for each change."""

    on_loss: Literal["serve", "refuse"] = "serve"
    canary_refusals: Literal["canary", "stable"] = "canary"
    """Whose answer a caller gets whom the canary refuses. It rules the gateway's routes."""
    stable_outage: Literal["canary", "refuse"] = "canary"
    """Who answers while no server of the stable release can. It rules the gateway's routes."""


@dataclass(frozen=True, slots=True)
class SharedCommand:
    """A command to a process that holds several releases; one of the last three is set."""

    replica: str
    start: ServerConfiguration | None = None
    terms: ServingTerms | None = None
    ends: bool = False


@dataclass(frozen=True, slots=True)
class RouteSlot:
    """A slot: one release of a route."""

    name: str
    digest: str
    percent: int
    addresses: tuple[str, ...]
    """`unix:PATH` or `127.0.0.1:PORT` of each replica."""
    shadow: bool = False
    """A shadow: gets a copy of every request after its answer was sent, and never answers."""


@dataclass(frozen=True, slots=True)
class Route:
    """A route: `/<stage>/<model>/…` goes to these slots, in proportion to their percentages."""

    stage: str
    model: str
    slots: tuple[RouteSlot, ...]
    stable_answers_refusals: bool = False
    """Whether the stable release answers what a canary refuses."""
    canary_takes_over: bool = True
    """Whether a canary answers beyond its share while the stable release has no server."""


@dataclass(frozen=True, slots=True)
class Routes:
    """The whole routing table; the gateway reports its generation once it is in force."""

    generation: int
    routes: tuple[Route, ...]
    pending: tuple[str, ...] | None = ()
    """`stage/model` of what git declares and has no route yet; None while git was not read."""


@dataclass(frozen=True, slots=True)
class GatewayLaunch:
    """The launch record of the gateway; `Routes` follow, one per line."""

    listen: str
    """`127.0.0.1:PORT`; port 0 picks one, and the event `ready` names it."""
    timeout: float = 30.0
    """Seconds until an unanswered request gets 504, and a held one 503."""
    held: int = 1000
    """Requests that may wait for a slot without a ready server."""
    listener_settings: ListenerSettings = _OPEN_TO_ALL
    """Access rules and TLS; the model servers behind the gateway check the tokens."""
    inner: str = ""
    """Path of the socket for the gRPC listener's requests, without TLS; empty: no gRPC."""
    caller_secret: str = ""
    """Secret that proves the caller header."""
    handover: str = ""
    """Path of the socket on which the next gateway gets the listener of this one; empty: none."""
    predecessor: str = ""
    """The same of the gateway before, which still listens; empty: there is none."""


@dataclass(frozen=True, slots=True)
class GrpcLaunch:
    """The launch record of the gRPC listener in front of the gateway."""

    listen: str
    """`127.0.0.1:PORT`."""
    gateway: str
    """`unix:PATH` or `HOST:PORT` to which calls are handed on, without TLS."""
    timeout: float = 30.0
    listener_settings: ListenerSettings = _OPEN_TO_ALL
    caller_secret: str = ""
    """Secret that proves the caller header."""
    is_shared: bool = False
    """Whether the listener before still has the address, and ends once this one is ready."""
    connection_age: float = 15.0
    """Seconds after which a client is asked to connect again; a takeover waits that long."""
