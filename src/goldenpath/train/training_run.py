"""What is known of one training: the record that becomes provenance, attestations and report."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from goldenpath.project.spec import Scalar


@dataclass(frozen=True, slots=True)
class SourceState:
    """The state of the project's git repository."""

    commit: str
    remote: str
    branch: str
    dirty: bool
    author: str
    committed_at: str
    """RFC 3339, UTC."""
    signer: str = ""
    """The key by which the commit is validly signed, as its fingerprint; whose it is the platform
    knows. Empty if it is not signed."""


@dataclass(frozen=True, slots=True)
class ColumnSummary:
    """Summary of one column of a data file."""

    name: str
    type: str
    missing: int
    distinct: int
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """Data as they were read: full digest, shape and summary."""

    name: str
    path: str
    digest: str
    size: int
    rows: int
    columns: tuple[ColumnSummary, ...]
    source: str
    licence: str
    description: str
    files: int = 1
    listing: str = ""
    """Digest of the listing, by which parts can be checked alone; empty for one whole file."""
    first: str = ""
    """Earliest time in the column that says when something was, RFC 3339; empty without one."""
    last: str = ""
    repeated: int | None = None
    """Rows whose key stands in a row before; None if no column is declared as the key."""


@dataclass(frozen=True, slots=True)
class BundledPart:
    """Something that a wheel brings beside Python."""

    name: str
    version: str
    path: str = ""
    """Where it lies in the environment; empty if a bill inside the wheel names it."""
    digest: str = ""
    purl: str = ""


@dataclass(frozen=True, slots=True)
class Package:
    """One Python package of the environment that trained, with its hashes from the lock."""

    name: str
    version: str
    hashes: tuple[str, ...]
    """`sha256:…` of every file the lock allows for it; of the installed wheel alone if known."""
    licence: str = ""
    bundled: tuple[BundledPart, ...] = ()
    """Native libraries and parts of its wheel."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric on the evaluation rows with its interval.

    `slice` is empty for all rows, else `column=value`. `low` and `high` bound a 95 % interval;
    None where there are too few rows to say.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    rows: int
    slice: str = ""


@dataclass(frozen=True, slots=True)
class Environment:
    """What the training ran in."""

    lock_digest: str
    python: str
    platform: str
    cpu: str
    packages: tuple[Package, ...]
    uv: str
    cpu_features: tuple[str, ...] = ()
    """Those that choose other arithmetic: vector units and fused operations."""
    locale: str = ""
    blas: str = ""
    """Library, version and kernels that the training multiplied matrices with, if it has said."""
    frame: Mapping[str, str] = field(default_factory=dict)
    """Version of each package by which the platform runs a graph: `onnxruntime`, `numpy`."""


@dataclass(frozen=True, slots=True)
class Golden:
    """Rows in the order of the contract, None where missing, and the packaged model's scores."""

    rows: tuple[tuple[float | None, ...], ...]
    scores: tuple[float, ...]
    tolerance: float


@dataclass(frozen=True, slots=True)
class Check:
    """A step of the build that can fail: lint, tests, smoke training, equality of the export."""

    name: str
    passed: bool
    detail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """Everything about one build, before it has a digest. All times RFC 3339 in UTC."""

    model: str
    source: SourceState
    environment: Environment
    datasets: tuple[Dataset, ...]
    entry: str
    seed: int
    threads: int
    parameters: Mapping[str, Scalar]
    metrics: tuple[Metric, ...]
    checks: tuple[Check, ...]
    thresholds_digest: str
    """Digest of `compliance/thresholds.yaml` as it stood at the commit."""
    thresholds_committed_at: str
    """When that file was last changed by a commit."""
    started_at: str
    finished_at: str
    training_seconds: float
    peak_memory: int
    """Largest resident size of the training, in bytes."""
    rows_trained: int
    rows_evaluated: int
    largest_skew: float
    """Largest difference between the scores of the training code and of the packaged model."""
    outputs: Mapping[str, str]
    """Digest of every file that the training wrote."""
    rows_digest: str = ""
    """Digest of the evaluation rows that travel with the release."""
    rows_size: int = 0
    golden: Golden | None = None
    """What a server asks again when it loads the model."""
