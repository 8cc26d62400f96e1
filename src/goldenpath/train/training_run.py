"""The record of one training, from which provenance, attestations and report are made."""

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
    """Fingerprint of the key that validly signed the commit; empty if none did. The platform's
    list of people says whose key it is."""
    unchecked: str = ""
    """Why the signature of the commit could not be checked; empty if it could or there is none."""


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
    """The data of one source as they were read: digest, shape and summary."""

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
    """Digest of the listing, with which parts can be checked alone; empty for one whole file."""
    first: str = ""
    """Earliest time in the declared time column, RFC 3339; empty if none is declared."""
    last: str = ""
    """Latest time in that column."""
    repeated: int | None = None
    """Number of rows whose key occurs in an earlier row; None if no key column is declared."""


@dataclass(frozen=True, slots=True)
class BundledPart:
    """A native library or other part that a wheel bundles."""

    name: str
    version: str
    path: str = ""
    """Its path in the environment; empty if only an SBOM inside the wheel names it."""
    digest: str = ""
    purl: str = ""


@dataclass(frozen=True, slots=True)
class Package:
    """One Python package of the training's environment, with its hashes from the lock."""

    name: str
    version: str
    hashes: tuple[str, ...]
    """`sha256:…` of the installed wheel; if that is not known, of every file in the lock."""
    licence: str = ""
    bundled: tuple[BundledPart, ...] = ()
    """Native libraries and other parts of its wheel."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric on the evaluation rows, with its interval.

    `slice` is `column=value`, or empty for all rows. `low` and `high` bound a 95 % interval; they
    are None if there are too few rows.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    rows: int
    slice: str = ""


@dataclass(frozen=True, slots=True)
class Environment:
    """The environment of a training: lock, interpreter, machine and packages."""

    lock_digest: str
    python: str
    platform: str
    cpu: str
    packages: tuple[Package, ...]
    uv: str
    cpu_features: tuple[str, ...] = ()
    """Features that change the arithmetic: vector units and fused operations."""
    locale: str = ""
    blas: str = ""
    """Name, version and kernels of the BLAS library; empty if the training loaded none."""
    frame: Mapping[str, str] = field(default_factory=dict)
    """Versions of the platform's packages that run an ONNX graph: `onnxruntime`, `numpy`."""


@dataclass(frozen=True, slots=True)
class Golden:
    """Made-up rows, and the packaged model's answers to them.

    Values are in the order of the contract; None is a missing value. A model of classes has a score
    for each class, row after row.
    """

    rows: tuple[tuple[float | None, ...], ...]
    scores: tuple[float, ...]
    tolerance: float


EQUALITY = "equality of the export"
"""Name of the check that training and packaged model give the same scores."""
LEAKAGE = "no leakage"
"""Name of the check that no key of an evaluation row is one of a training row."""


@dataclass(frozen=True, slots=True)
class Check:
    """The result of a check of the build, such as lint, tests or equality of the export."""

    name: str
    passed: bool
    detail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class GivenMaterial:
    """A file or folder of a model that was trained elsewhere."""

    name: str
    path: str
    """Where it was kept, as the project declares or writes it."""
    digest: str
    source: str = ""
    """Where the project says that it comes from."""


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """The record of one training. All times are RFC 3339 in UTC."""

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
    """Digest of `compliance/thresholds.yaml`."""
    thresholds_committed_at: str
    """When a commit last changed that file."""
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
    """Digest of the evaluation rows that the release contains."""
    rows_size: int = 0
    """Bytes."""
    golden: Golden | None = None
    """Rows that a server scores again when it loads the model."""
    confinement: tuple[str, ...] | None = None
    """The measures that confined every program of the project; None if nobody recorded them."""
    network: bool | None = None
    """Whether the programs of the project could use the network; None if nobody recorded it."""
    indexes: tuple[str, ...] | None = None
    """The package indexes that the lock was allowed to use; empty for any single one."""
    file_hosts: tuple[str, ...] | None = None
    """Other hosts that the lock was allowed to name for files."""
    limits: Mapping[str, int] | None = None
    """The limits of resources of the training, by name; None if nobody recorded them."""
    given: tuple[GivenMaterial, ...] = ()
    """The model, if it was trained elsewhere: then this run only scored rows with it."""
