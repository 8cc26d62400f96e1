"""What the observer is told when it starts: the first line on its standard input, as JSON."""

from dataclasses import dataclass, field

from goldenpath.http.listener_settings import ListenerSettings


@dataclass(frozen=True, slots=True)
class Keep:
    """How many days the log of a stage is kept; 0 is without end."""

    stage: str
    inputs: int = 0
    records: int = 0


@dataclass(frozen=True, slots=True)
class Keeping:
    """What the observer is told after its launch, a line each time that it changes."""

    stages: tuple[Keep, ...]


NOTHING_ENDS = Keeping(())


@dataclass(frozen=True, slots=True)
class ObserverLaunch:
    """Everything that the observer needs; it reads nothing else from outside."""

    home: str
    """Root of the home: it reads `spool` and writes `predictions`, `findings`, `telemetry`."""
    store: str
    """Folder of the OCI image layout with contract and profile of each release."""
    endpoint: str = ""
    """An OTLP/HTTP receiver; empty: telemetry stays on disk."""
    metrics: str = ""
    """`HOST:PORT` on which Prometheus may read the metrics; empty: nowhere."""
    entrance: ListenerSettings = field(default_factory=ListenerSettings)
    """How readers of that come in: the same files as for callers of the gateway."""
    interval: float = 0.5
    """Seconds between two looks at the spool."""
    seal_seconds: float = 5.0
    """How long a record waits at most until it is sealed."""
    seal_rows: int = 20_000
    """Records at which a segment is sealed before that."""
    spans: float = 0.01
    """Share of requests of which a span is made if their caller did not decide."""
