"""The declaration of a project, as values: what `goldenpath.toml` means once it is right.

`Contract` is the part that travels inside the artifact: what a request looks like, how a score
becomes a decision, and what is watched. Everything else is about making the model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Tier = Literal["low", "material", "high"]
FeatureKind = Literal["number", "category"]
Scalar = bool | int | float | str
SourceKind = Literal["local", "dvc", "oci", "url"]

MODEL, REFERENCE, EVALUATION = "model.onnx", "reference.parquet", "evaluation.parquet"
"""What a training writes; for a model that is code, its own files in the place of the first."""
_STORES = ("oci://", "oci+http://", "oci+https://", "layout:")


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the model's input, sent as a 32-bit float in the order of the contract."""

    name: str
    kind: FeatureKind
    description: str = ""
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[float, ...] = ()
    """Every code that is allowed, for kind `category`."""
    labels: tuple[str, ...] = ()
    """A text for each code, in their order, that callers may send instead of it; or none."""
    missing: bool = False
    """Whether NaN is allowed."""
    mutable: bool = False
    """Whether the person it is about can change it at will, as robustness looks at it."""
    slices: tuple[float, ...] = ()
    """Where a number is cut into slices, rising; each has metrics and an eye of the judge."""

    @property
    def code_names(self) -> tuple[str, ...]:
        """The codes as people read them, with their labels if they have some."""
        codes = [f"{code:g}" for code in self.categories]
        if not self.labels:
            return tuple(codes)
        return tuple(f"{c} ({label})" for c, label in zip(codes, self.labels, strict=True))


@dataclass(frozen=True, slots=True)
class Band:
    """Scores below `below` (and not below the band before) have this `outcome`."""

    name: str
    below: float
    outcome: Literal["accept", "refer", "decline"]


@dataclass(frozen=True, slots=True)
class DecisionPolicy:
    """How a score in [0, 1] becomes a decision; the last band ends above 1."""

    bands: tuple[Band, ...]
    fallback: Literal["accept", "refer", "decline"] = "refer"
    """The outcome where no score can be had."""


@dataclass(frozen=True, slots=True)
class MonitorSettings:
    """What the drift monitor tolerates and how often it may be wrong."""

    floor_psi: float = 0.01
    """A shift up to this PSI against the reference is not drift, in nats."""
    false_alarms_a_year: float = 1.0
    look_rows: int = 500
    """Rows between two looks at the evidence."""
    looks_a_year: int = 365


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a score is as it is, in words that may be told to the person it is about."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class ReasonPolicy:
    """The reasons that the model gives with each score.

    Its output `tensor` has one weight per row and code, shape `(n, len(codes))`: how much that
    reason raised the score. Told are the `most` largest of those above zero.
    """

    codes: tuple[Reason, ...]
    tensor: str = "reasons"
    most: int = 4


@dataclass(frozen=True, slots=True)
class PythonModel:
    """A model that is code: it runs in a process and an environment of its own.

    `entry` is a function `load(files)` of the project, below `src/`. It gets the folder of the
    model's files and gives back what scores rows: a callable that takes a float32 array of shape
    `(n, len(features))` and returns what an ONNX graph would: scores, and beside them weights of
    reasons where the contract has some.
    """

    entry: str
    time_limit: float = 5.0
    """Seconds that one call may take; then the process is ended and started anew."""
    start_limit: float = 60.0
    """Seconds until the first call has been answered."""
    memory_limit: int = 2048
    """Resident MiB beyond which the process is replaced; at twice that it gets no more."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What a release promises to those who call it, packaged with the model.

    The model is one ONNX graph: input `input_tensor` of shape `(n, len(features))` and type FP32,
    output `output_tensor` of shape `(n,)`, `(n, 1)` or `(n, 2)`, whose last column is the score.
    With `python` it is code instead.
    """

    name: str
    features: tuple[Feature, ...]
    output: str
    decision: DecisionPolicy
    monitor: MonitorSettings
    input_tensor: str = "features"
    output_tensor: str = "probability"
    reasons: ReasonPolicy | None = None
    python: PythonModel | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class DataSource:
    """Data, pinned by digest, wherever they are kept."""

    name: str
    path: str
    """A file or folder of the project; a `.dvc` file of it; `oci://…@sha256:…`; or a URL."""
    digest: str
    """Of the content, as `goldenpath.project.data_digest` says, whatever the place."""
    description: str = ""
    source: str = ""
    licence: str = ""
    pieces: bool = False
    """Whether the digest of a file is that of its pieces."""
    time: str = ""
    """The column that says when something was; it gives the time range."""
    key: str = ""
    """The column that tells rows apart; a value that stands twice is counted."""

    @property
    def kind(self) -> SourceKind:
        """How the data are had, told by the form of `path`."""
        if self.path.startswith(_STORES):
            return "oci"
        if "://" in self.path:
            return "url"
        return "dvc" if self.path.endswith(".dvc") else "local"


@dataclass(frozen=True, slots=True)
class Training:
    """How the model is made: a function `train(data, output, parameters, seed)` of the project.

    `data` maps the names of the sources to paths; `output` is an empty folder into which it writes
    `model.onnx`, `reference.parquet` (`key`, features and `score` of the training rows) and
    `evaluation.parquet` (`key`, `target` in {0, 1}, `score`, the slices, the features).
    """

    entry: str
    """`package.module:function`, below `src/`."""
    seed: int
    parameters: Mapping[str, Scalar]
    smoke_parameters: Mapping[str, Scalar]
    """Laid over `parameters` for the smoke training, to make it quick."""
    time_limit: float = 3600.0
    """Seconds until a training that hangs is ended."""
    threads: int = 1
    memory_limit: int = 0
    """MiB beyond which an allocation of the training fails; 0 for no limit."""
    repeatable: bool = True
    """Whether the same inputs give the same bytes; tried on the sample, and refused if not."""
    outputs: tuple[str, ...] = (MODEL, REFERENCE, EVALUATION)
    """Every file that training and evaluation leave in `output`, and no other."""


@dataclass(frozen=True, slots=True)
class Project:
    """One model project: the parsed `goldenpath.toml`, and the folder it stands in."""

    root: str
    name: str
    tier: Tier
    description: str
    contract: Contract
    training: Training
    data: tuple[DataSource, ...]
    slices: tuple[str, ...]
    """Columns of `evaluation.parquet` for which metrics are given apart."""
    protected: tuple[str, ...] = ()
    """Those of them on which the fairness gate looks."""
    indexes: tuple[str, ...] = ()
    """Package indexes that the lock may name; if empty, a single one, over HTTPS."""
    evaluation: str = ""
    """`package.module:function` that writes `evaluation.parquet` beside the model, called as the
    training is, in a process of its own; empty if the training does that itself."""
