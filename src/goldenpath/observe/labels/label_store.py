"""The labels of a model in a stage: files that are added and never changed.

Each file holds what became known at one time. A later file may correct a label. So metrics can be
given as they were known at any earlier time.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from goldenpath.errors import InvalidInput
from goldenpath.files import write_whole
from goldenpath.observe.log.segment import checked_name
from goldenpath.stored_formats import LABELS

MAX_BYTES = 1 << 30
"""Largest file of labels that is read, in bytes."""
_VERSION_KEY = b"goldenpath.labels.version"
_KNOWN_KEY = b"goldenpath.labels.known_at"
_ID = re.compile(r"[0-9a-f]{32}(-[0-9]{1,9})?")
_COLUMNS = ("prediction_id", "label")
_FIELDS: "list[pa.Field[pa.DataType]]" = [
    pa.field("prediction_id", pa.string(), nullable=False),
    pa.field("label", pa.float64(), nullable=False),
]
SCHEMA = pa.schema(_FIELDS)


@dataclass(frozen=True, slots=True)
class AddedLabels:
    """What one call added."""

    path: Path
    digest: str
    """SHA-256 of the stored file, in hexadecimal."""
    rows: int


def read_labels(path: Path) -> pa.Table:
    """Return the labels of a CSV or Parquet file with the columns `prediction_id` and `label`.

    An id without a row number means row 0. Labels are 0 or 1. Raises `InvalidInput` with the row
    for everything else, and for two different labels of one prediction.
    """
    if path.stat().st_size > MAX_BYTES:
        raise InvalidInput(f"{path.name} is larger than {MAX_BYTES} bytes: split it")
    table = _raw(path)
    absent = [name for name in _COLUMNS if name not in table.column_names]
    if absent:
        columns = ", ".join(table.column_names)
        raise InvalidInput(f"{path.name} has no column {absent[0]}: its columns are {columns}")
    ids = [_identifier(path, row, value) for row, value in enumerate(table["prediction_id"], 1)]
    labels = [_label(path, row, value) for row, value in enumerate(table["label"], 1)]
    known: dict[str, float] = {}
    for row, (name, label) in enumerate(zip(ids, labels, strict=True), 1):
        if known.setdefault(name, label) != label:
            raise InvalidInput(
                f"{path.name}, row {row}: prediction {name} has the label {label:g} here and "
                f"{known[name]:g} in an earlier row"
            )
    return pa.table([pa.array(known), pa.array(known.values(), pa.float64())], schema=SCHEMA)


def add_labels(
    folder: Path, stage: str, model: str, labels: pa.Table, *, now: datetime
) -> AddedLabels:
    """Store labels that became known now. The same labels in the same second are one file."""
    metadata = {_VERSION_KEY: str(LABELS.version).encode(), _KNOWN_KEY: now.isoformat().encode()}
    content = BytesIO()
    pq.write_table(labels.replace_schema_metadata(metadata), content, compression="zstd")
    digest = hashlib.sha256(content.getvalue()).hexdigest()
    name = f"{now:%Y%m%dT%H%M%S%f}-{digest[:12]}.parquet"
    path = folder / checked_name(stage) / checked_name(model) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content.getvalue())
    return AddedLabels(path, digest, labels.num_rows)


@dataclass(frozen=True, slots=True)
class KnownLabels:
    """Labels that became known at one time."""

    known_at: datetime
    table: pa.Table


def known_labels(folder: Path, stage: str, model: str, until: datetime) -> Iterator[KnownLabels]:
    """Yield the labels that were known at `until`, in the order in which they became known."""
    for path in sorted((folder / checked_name(stage) / checked_name(model)).glob("*.parquet")):
        try:
            table = pq.read_table(path)
        except (OSError, pa.ArrowException) as error:
            raise InvalidInput(f"the labels {path.name} cannot be read: {error}") from error
        metadata = table.schema.metadata or {}
        version = metadata.get(_VERSION_KEY, b"").decode("utf-8", "replace")
        LABELS.require(int(version) if version.isdecimal() else version, path.name)
        known_at = datetime.fromisoformat(metadata[_KNOWN_KEY].decode())
        if known_at <= until:
            yield KnownLabels(known_at, table)


def _raw(path: Path) -> pa.Table:
    try:
        if path.suffix == ".csv":
            texts = pa_csv.ConvertOptions(column_types=dict.fromkeys(_COLUMNS, pa.string()))
            return pa_csv.read_csv(path, convert_options=texts)
        if path.suffix == ".parquet":
            return pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise InvalidInput(f"{path.name} cannot be read: {error}") from error
    raise InvalidInput(f"{path.name} is no table: expected a name that ends with .csv or .parquet")


def _identifier(path: Path, row: int, value: "pa.Scalar[pa.DataType]") -> str:
    text = str(value.as_py() or "")
    if _ID.fullmatch(text) is None:
        raise InvalidInput(
            f"{path.name}, row {row}: {text[:60]!r} is no prediction id: expected 32 hexadecimal "
            "digits, and -ROW for a later row of its request",
            hint="it is in the answer's header x-goldenpath-prediction-id",
        )
    return text if "-" in text else f"{text}-0"


def _label(path: Path, row: int, value: "pa.Scalar[pa.DataType]") -> float:
    text = value.as_py()
    try:
        label = float(text)
    except (TypeError, ValueError):
        label = float("nan")
    if label not in (0.0, 1.0):
        raise InvalidInput(f"{path.name}, row {row}: the label is {text!r}: expected 0 or 1")
    return label


def latest(labels: Iterator[KnownLabels]) -> dict[str, tuple[float, int]]:
    """Return by prediction the label that was known last, and the number of its file."""
    newest: dict[str, tuple[float, int]] = {}
    for number, known in enumerate(labels):
        columns = (known.table[name].to_pylist() for name in _COLUMNS)
        for name, label in zip(*columns, strict=True):
            # A correction keeps the place at which the prediction was first labelled.
            newest[name] = (label, newest.get(name, (label, number))[1])
    return newest
