"""The declaration of a project as values: a `goldenpath.toml` that was read without faults.

`Contract` is packaged with the model: the shape of a request, how a score becomes a decision, and
what the drift monitor tolerates. Everything else is about training.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from goldenpath.project.number_text import number_text

Tier = Literal["low", "material", "high"]
TaskKind = Literal["probability", "classes", "value"]
FeatureKind = Literal["number", "category"]
FeaturePart = Literal["", "element", "days", "seconds", "text"]
Scalar = bool | int | float | str
SourceKind = Literal["local", "dvc", "oci", "url"]

FILE = "goldenpath.toml"
"""The declaration of a project."""
MODEL, REFERENCE, EVALUATION = "model.onnx", "reference.parquet", "evaluation.parquet"
"""Files that a training writes. A model that is code has its own files instead of `MODEL`."""
_STORES = ("oci://", "oci+http://", "oci+https://", "layout:")


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the model's input, in the order of the contract.

    A number and a code are 32-bit floats. A text of a category is its position in the list, unless
    the model has an input of texts for it.
    """

    name: str
    kind: FeatureKind
    description: str = ""
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[float | str, ...] = ()
    """The allowed codes, or the allowed texts, for kind `category`."""
    labels: tuple[str, ...] = ()
    """A text for each code, in the same order, that callers may send instead; or none."""
    missing: bool = False
    """Whether NaN is allowed."""
    mutable: bool = False
    """Whether the person concerned can change the value at will. The robustness test uses these."""
    slices: tuple[float, ...] = ()
    """Rising bounds that cut a number into slices. Metrics and the canary judge look at each."""
    whole: bool = False
    """Whether a number has to be whole. A graph may then take it as an integer."""
    part_of: str = ""
    """Name of the declared vector, timestamp or text that this number is a part of; or empty."""
    part: FeaturePart = ""
    """Which part it is."""
    bytes: int = 0
    """The longest text in bytes, for the parts of a text."""

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts of a category that has no codes; empty for a category of codes."""
        return tuple(code for code in self.categories if isinstance(code, str))

    @property
    def codes(self) -> tuple[float, ...]:
        """The number of each category: its code, or the position of its text."""
        if self.texts:
            return tuple(map(float, range(len(self.categories))))
        return tuple(code for code in self.categories if not isinstance(code, str))

    @property
    def code_names(self) -> tuple[str, ...]:
        """The categories as people read them, with their labels if there are any."""
        codes = self.texts or tuple(map(number_text, self.codes))
        if not self.labels:
            return codes
        return tuple(f"{c} ({label})" for c, label in zip(codes, self.labels, strict=True))


@dataclass(frozen=True, slots=True)
class Band:
    """A range of scores with the same outcome: from the end of the band before up to `below`."""

    name: str
    below: float
    outcome: str


@dataclass(frozen=True, slots=True)
class ClassOutcome:
    """The outcome of one class, if its probability is at least `minimum`."""

    name: str
    """Name of the class."""
    outcome: str
    minimum: float = 0.0


@dataclass(frozen=True, slots=True)
class DecisionPolicy:
    """How an answer becomes a decision. The bank names the outcomes.

    A score or a value falls into one of `bands`; the last one ends above every allowed score. For
    the task `classes` the most likely class decides, by `classes`.
    """

    bands: tuple[Band, ...] = ()
    fallback: str = "refer"
    """The outcome if the model gives no answer, or is too unsure of a class."""
    classes: tuple[ClassOutcome, ...] = ()
    favourable: tuple[str, ...] = ("accept",)
    """The outcomes that `acceptance_rate` counts."""
    reviewed: tuple[str, ...] = ("refer",)
    """The outcomes that a person reviews."""

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Every outcome that a decision can have, in the order of the policy."""
        named = (*(band.outcome for band in self.bands), *(rule.outcome for rule in self.classes))
        return tuple(dict.fromkeys((*named, self.fallback)))


@dataclass(frozen=True, slots=True)
class ValueRange:
    """What the answers of the task `value` mean: their unit and bounds."""

    unit: str
    minimum: float
    maximum: float
    tolerance: float = 0.0
    """Two answers that are closer count as the same, in `unit`; 0 means 5 % of the larger one."""


@dataclass(frozen=True, slots=True)
class MonitorSettings:
    """The tolerance of the drift monitor, and its budget of false alarms."""

    floor_psi: float | None = None
    """A shift up to this PSI against the reference is not drift, in nats. None: no floor if the
    reference shows how much its days differ, otherwise the usual rule of 0.2."""
    false_alarms_a_year: float = 1.0
    """Budget: at most so many on average, whatever the traffic."""
    look_rows: int = 200
    """The drift monitor tests for drift after so many rows, and at the end of each day with rows.
    Such a test is a look. With many rows a day it covers more of them."""
    looks_a_year: int = 365
    """No longer used: the thresholds follow from the looks that really happen. Contracts of 0.1
    have it."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason for a score, in words that may be told to the person concerned."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class ReasonPolicy:
    """The reasons that the model gives with each score.

    Its output `tensor` has one weight per row and code, shape `(n, len(codes))`: how much that
    reason raised the score. A decision names the `most` largest weights above zero.
    """

    codes: tuple[Reason, ...]
    tensor: str = "reasons"
    most: int = 4


@dataclass(frozen=True, slots=True)
class PythonModel:
    """A model that is Python code. It runs in its own process, in its own environment.

    `entry` names a function `load(files)` of the project, below `src/`. It takes the folder of the
    model's files and returns a callable. The callable takes a float32 array of shape
    `(n, len(features))` and returns scores, or `(scores, weights)` if the contract has reasons.
    """

    entry: str
    time_limit: float = 5.0
    """Longest duration of one call, in seconds. A slower process is killed and replaced."""
    start_limit: float = 60.0
    """Longest time from the start of the process to its first answer, in seconds."""
    memory_limit: int = 2048
    """Resident MiB above which the process is replaced. Allocations beyond twice that fail."""


@dataclass(frozen=True, slots=True)
class Contract:
    """The interface of a release to its callers, packaged with the model.

    The model is one ONNX graph: input `input_tensor` of shape `(n, len(features))`, or one input
    for each feature; output `output_tensor`. Its shape is `(n,)`, `(n, 1)` or `(n, 2)` for one
    score or value, the last column, and `(n, len(classes))` for classes. If `python` is set, the
    model is code instead.
    """

    name: str
    features: tuple[Feature, ...]
    output: str
    decision: DecisionPolicy | None
    monitor: MonitorSettings
    input_tensor: str = "features"
    output_tensor: str = "probability"
    reasons: ReasonPolicy | None = None
    python: PythonModel | None = None
    version: int = 1
    task: TaskKind = "probability"
    classes: tuple[str, ...] = ()
    """The names of the classes, in the order of their probabilities."""
    value: ValueRange | None = None
    """Unit and bounds, for the task `value`."""


@dataclass(frozen=True, slots=True)
class DataSource:
    """Training data: where they are kept, and the digest to which they are pinned."""

    name: str
    path: str
    """A file or folder of the project; a `.dvc` file of it; `oci://…@sha256:…`; or a URL."""
    digest: str
    """Digest of the content as `goldenpath.project.data_digest` defines it, wherever it is kept."""
    description: str = ""
    source: str = ""
    licence: str = ""
    pieces: bool = False
    """Whether the digest of a file is that of its pieces."""
    time: str = ""
    """The column with the time of each row. The recorded time range comes from it."""
    key: str = ""
    """The column that identifies rows. Repeated values are counted."""
    dated: str = ""
    """The path of the data up to a day, with `{day}` or `{month}` in it. `goldenpath renew` fills
    it in. Empty if newer data are kept at the same path."""

    def path_until(self, day: str) -> str:
        """Return where the data up to a day, as in 2026-09-30, are kept."""
        filled = self.dated.replace("{day}", day).replace("{month}", day[:7])
        return filled or self.path

    @property
    def kind(self) -> SourceKind:
        """Where the data are kept, according to the form of `path`."""
        if self.path.startswith(_STORES):
            return "oci"
        if "://" in self.path:
            return "url"
        return "dvc" if self.path.endswith(".dvc") else "local"


@dataclass(frozen=True, slots=True)
class GivenModel:
    """A model that was trained elsewhere. The build scores the rows with it and trains nothing."""

    model: str
    """Name of the data that are the file or the folder of the model."""
    rows: str
    """Name of the data with the rows: features, target, slices."""
    target: str = "target"
    """Column with the outcome."""
    key: str = ""
    """Column that identifies rows. If empty, rows are counted."""
    score: str = ""
    """Column with what the model gave where it was trained. If empty, nothing is compared."""
    evaluation: str = ""
    """Name of the data with the evaluation rows. If empty, half of `rows` are held out."""


@dataclass(frozen=True, slots=True)
class Training:
    """How the model is trained: by a function `train(data, output, parameters, seed)`.

    `data` maps the names of the data to paths. `output` is an empty folder. The function writes
    into it `model.onnx`, `reference.parquet` (`key`, features and `score` of the training rows) and
    `evaluation.parquet` (`key`, `target`, `score`, the slices, the features). `target` is 0 or 1,
    the name of a class, or a number in the unit of the value. `score` is what the model gives: a
    number, or for classes a list of probabilities in their order. `interface.md` has the details.
    """

    entry: str
    """`package.module:function`, below `src/`; empty if the model is given."""
    seed: int
    parameters: Mapping[str, Scalar]
    smoke_parameters: Mapping[str, Scalar]
    """Replace `parameters` of the same name in the smoke training, to make it quick."""
    time_limit: float = 3600.0
    """Seconds after which the training is killed."""
    threads: int = 1
    memory_limit: int = 0
    """MiB above which an allocation of the training fails; 0 for no limit."""
    repeatable: bool = True
    """Whether equal inputs give equal bytes. If so, the smoke training runs twice to prove it."""
    outputs: tuple[str, ...] = (MODEL, REFERENCE, EVALUATION)
    """The exact files that training and evaluation leave in `output`."""
    network: bool = False
    """Whether the programs of the project may use the network. Recorded, and a platform can refuse
    it."""
    given: GivenModel | None = None
    """The model that was trained elsewhere, instead of `entry`."""

    @property
    def model_files(self) -> tuple[str, ...]:
        """The outputs that belong to the model: all but the two tables."""
        return tuple(name for name in self.outputs if name not in (REFERENCE, EVALUATION))


@dataclass(frozen=True, slots=True)
class Project:
    """One model project: the parsed `goldenpath.toml`, and its folder."""

    root: str
    name: str
    tier: Tier
    description: str
    contract: Contract
    training: Training
    data: tuple[DataSource, ...]
    slices: tuple[str, ...]
    """Columns of `evaluation.parquet`. Metrics are computed for each of their values."""
    protected: tuple[str, ...] = ()
    """The slices that the fairness gate checks."""
    indexes: tuple[str, ...] = ()
    """Package indexes that the lock may name. If empty, it may name one, over HTTPS."""
    file_hosts: tuple[str, ...] = ()
    """Hosts from which files of the lock may come, besides the hosts of its indexes."""
    evaluation: str = ""
    """`package.module:function` that writes `evaluation.parquet` beside the model. It is called
    like the training, in its own process. Empty if the training writes the file itself."""
