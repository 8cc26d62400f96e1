"""Launch record of the observer: the first line on its standard input, as JSON."""

from dataclasses import dataclass, field

from goldenpath.http.listener_settings import ListenerSettings
from goldenpath.processes.launch import ReleaseSource


@dataclass(frozen=True, slots=True)
class Keep:
    """Days for which the log of a stage is kept; 0: without end."""

    stage: str
    inputs: int = 0
    records: int = 0


@dataclass(frozen=True, slots=True)
class Keeping:
    """A message to the running observer: one line for each change."""

    stages: tuple[Keep, ...]
    holds: tuple[str, ...] = ()
    """The cases that keep records by the audit log. If one has no file, nothing ends."""


NOTHING_ENDS = Keeping(())


@dataclass(frozen=True, slots=True)
class ObserverLaunch:
    """The launch record of the observer; it has no other configuration."""

    home: str
    """Root of the home: it reads `spool` and writes `predictions`, `findings`, `telemetry`."""
    store: str
    """Folder of the OCI image layout with contract and profile of each release."""
    source: ReleaseSource | None = None
    """The release of a server that nobody supervises; then `store` is not read."""
    otlp: dict[str, str] = field(default_factory=dict)
    """The variables `OTEL_*`; without an endpoint telemetry stays on disk."""
    metrics: str = ""
    """`HOST:PORT` on which Prometheus may read the metrics; empty: nowhere."""
    listener_settings: ListenerSettings = field(default_factory=ListenerSettings)
    """Access rules and TLS of the metrics page, the same files as for the gateway."""
    interval: float = 0.5
    """Seconds between two looks at the spool."""
    seal_seconds: float = 5.0
    """Seconds after which a record is sealed at the latest."""
    seal_rows: int = 20_000
    """Records after which a segment is sealed even earlier."""
    bins: bool = True
    """Whether each bin of each feature is a series of the metrics."""
    spans: float = 0.01
    """Share of requests that get a span if their caller did not decide."""
