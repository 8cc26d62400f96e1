"""Reading the prediction log: one prediction by its id, or many by model, stage and time."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.home import Home
from goldenpath.observe.log.context_columns import FIELDS
from goldenpath.observe.log.prediction_log import timestamp
from goldenpath.observe.log.records import SALT, SCHEMA, VERSION, VERSIONS, anonymous, feature_names
from goldenpath.observe.log.segment import (
    Checkpoint,
    checkpoints,
    parse_checkpoint,
    require_content,
    table_of,
)
from goldenpath.observe.log.subject_keys import Subject, Subjects
from goldenpath.release.attest.keys import key_from_pem

_COLUMNS = (
    "prediction_id",
    "t_start",
    "stage",
    "model",
    "release_digest",
    "traffic_slot",
    "replica",
    "sequence",
    "row",
    "status",
    "caller",
    "subject_ref",
    "score",
    "band",
    "outcome",
    "fallback_used",
    "refusal",
    "trace_id",
    "missing",
    "unseen",
    "decisive",
    "duration_ns",
    "out_of_range",
    "cutoff_distance",
    *(field.name for field in FIELDS),
)
Value = str | int | float | bool | list[str] | None
Record = Mapping[str, Value]
"""One record's readable columns by name; times RFC 3339."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One record, from a segment whose digest and signature held."""

    record: Record
    commitment: str
    """SHA-256 over salt, inputs and references, in hexadecimal; empty for a refusal."""
    inputs: Mapping[str, float | None] | None
    """By feature, None for NaN; None if they cannot be opened, and `inputs_state` says why."""
    inputs_state: str
    """`opened and equal to the commitment`, `erased`, `expired`, or `none` for a refusal."""
    references: Mapping[str, str]
    """Outside data that were consulted, identifier by kind; empty if they cannot be opened."""
    segment: str
    """Name of the Parquet file, relative to the log."""
    checkpoint: Checkpoint
    checkpoint_digest: str
    """Of the signed file beside it."""

    @property
    def prediction_id(self) -> str:
        """`<32 hex digits>-<row>`."""
        return str(self.record["prediction_id"])

    @property
    def release(self) -> str:
        """Digest of the release that answered."""
        return str(self.record["release_digest"])


def find_prediction(home: Home, prediction_id: str) -> Prediction:
    """The record of one answer, verified, with its inputs where the key is still there.

    An id without a row number means row 0. A shadow's answer has the id of the one that was
    given, and is found only where that is not. Raises `NotFound` if no sealed segment has it, and
    `VerificationError` if the segment or the inputs are not what was signed.
    """
    wanted = [prediction_id] if "-" in prediction_id else [prediction_id, f"{prediction_id}-0"]
    shadow: tuple[Path, int] | None = None
    for path in reversed(list(checkpoints(home.predictions))):
        if not table_of(path).exists():
            continue  # its time was over; `log check` knows whether that is so
        table = pq.read_table(table_of(path), columns=["prediction_id", "decisive"])
        places = [pc.index(table["prediction_id"], value).as_py() for value in wanted]
        found = max(places)
        if found >= 0 and table["decisive"][found].as_py():
            return _prediction(home, path, found)
        if found >= 0:
            shadow = path, found
    if shadow is not None:
        return _prediction(home, *shadow)
    raise NotFound(
        f"prediction {prediction_id} is not in the sealed log",
        hint="an answer is sealed some seconds after it was given, while `goldenpath up` runs",
    )


def _prediction(home: Home, path: Path, place: int) -> Prediction:
    checkpoint = verified(path, log_public_key(home))
    table = read_columns(table_of(path), SCHEMA.names)
    row = table.slice(place, 1)
    sealed = row.select(["input_commitment", "input_ciphertext"])
    values: dict[str, object] = sealed.to_pylist()[0]
    record = _readable(row)
    commitment = values["input_commitment"]
    hexadecimal = commitment.hex() if isinstance(commitment, bytes) else ""
    opened, named, state = _open(home, table, record, values)
    return Prediction(
        record=record,
        commitment=hexadecimal,
        inputs=opened,
        inputs_state=state,
        references=named,
        segment=str(table_of(path).relative_to(home.predictions)),
        checkpoint=checkpoint,
        checkpoint_digest=Digest.of(path.read_bytes()).text,
    )


def _open(
    home: Home,
    table: pa.Table,
    record: Record,
    values: Mapping[str, object],
) -> tuple[Mapping[str, float | None] | None, Mapping[str, str], str]:
    """Inputs and references, and what became of them."""
    ciphertext = values["input_ciphertext"]
    if not isinstance(ciphertext, bytes):
        return None, {}, "none"
    subject = _subject(home, record)
    if isinstance(subject, str):
        return None, {}, subject
    commitment = values["input_commitment"]
    raw = open_inputs(subject, ciphertext, commitment, str(record["prediction_id"]))
    names = feature_names(table)
    numbers = np.frombuffer(raw, "<f4", len(names)).tolist()
    rest = raw[4 * len(names) :]
    named = msgspec.json.decode(rest, type=dict[str, str]) if rest else {}
    opened = {
        name: None if number != number else number
        for name, number in zip(names, numbers, strict=True)
    }
    return opened, named, "opened and equal to the commitment"


def open_inputs(
    subject: Subject, ciphertext: bytes, commitment: object, prediction_id: str
) -> bytes:
    """The inputs of one prediction, little-endian 32-bit floats, and behind them its references.

    Raises `VerificationError` if the key does not open them, or they are not what was committed to.
    """
    plain = subject.open(ciphertext, prediction_id)
    if hashlib.sha256(plain).digest() != commitment:
        raise VerificationError(
            f"inputs of prediction {prediction_id} are not what was committed to"
        )
    return plain[SALT:]


def _subject(home: Home, record: Record) -> Subject | Literal["erased", "expired"]:
    """Whose keys open the inputs, or why none do."""
    subjects = Subjects(home.keys)
    try:
        reference, day = record["subject_ref"], str(record["key_day"])
        if subjects.day_key(day) is None:
            return "expired"
        if reference is not None:
            return subjects.all(day).get(str(reference)) or "erased"
        nobody = anonymous(str(record["stage"]), str(record["model"]), day)
        return subjects.find(nobody, day) or "erased"
    finally:
        subjects.close()


def records(
    home: Home, *, stage: str = "*", model: str = "*", since: datetime | None = None
) -> Iterator[Record]:
    """Records, the newest first, without inputs; segments are not verified on the way."""
    for path in reversed(list(checkpoints(home.predictions, stage, model))):
        if not table_of(path).exists():
            continue
        table = read_columns(table_of(path), _COLUMNS)
        if since is not None:
            table = table.filter(pc.greater_equal(table["t_start"], pa.scalar(since)))
        table = table.sort_by([("t_start", "descending")])
        for begin in range(0, table.num_rows, 1000):
            chunk = table.slice(begin, 1000)
            for position in range(chunk.num_rows):
                yield _readable(chunk.slice(position, 1))


def read_columns(path: Path, columns: Sequence[str]) -> pa.Table:
    """These columns of a segment; what a file of an older version does not have is null there.

    Raises `InvalidInput` for a version that is not known here.
    """
    known = pq.read_schema(path)
    version = (known.metadata or {}).get(VERSION, b"")
    if version not in VERSIONS:
        raise InvalidInput(
            f"segment {path.name} has version {version.decode('utf-8', 'replace')[:20]!r}: "
            f"expected one of {', '.join(each.decode() for each in VERSIONS)}",
            hint="read it with the goldenpath release that made it",
        )
    table = pq.read_table(path, columns=[each for each in columns if each in known.names])
    for name in columns:
        if name not in known.names:
            empty = pa.nulls(table.num_rows, SCHEMA.field(name).type)
            table = table.append_column(SCHEMA.field(name).with_nullable(True), empty)
    return table


def _readable(row: pa.Table) -> Record:
    # A time of nanoseconds has no form in Python's own values, so it is taken as a number.
    left = {"input_commitment", "input_ciphertext", "t_start"} & set(row.column_names)
    values: dict[str, Value] = row.drop_columns(sorted(left)).to_pylist()[0]
    started: int = pc.cast(row["t_start"], pa.int64())[0].as_py() or 0
    times = {"t_start": timestamp(started), "t_end": timestamp(started + _whole(values))}
    return {**values, **times}


def _whole(values: Record) -> int:
    duration = values["duration_ns"]
    return duration if isinstance(duration, int) else 0


def verified(path: Path, public_key: bytes) -> Checkpoint:
    """The checkpoint of a file, once its signature and the digest of its segment hold.

    Raises `VerificationError` if one does not.
    """
    checkpoint = parse_checkpoint(path.read_bytes(), public_key)
    table = table_of(path)
    try:
        content = table.read_bytes()
    except FileNotFoundError as error:
        raise VerificationError(f"segment {table.name} is gone") from error
    require_content(table.name, content, checkpoint)
    return checkpoint


def log_public_key(home: Home) -> bytes:
    """DER of the key that signs checkpoints. Raises `NotFound` before anything was sealed."""
    path = home.log_key.with_suffix(".pub")
    try:
        return key_from_pem("log", path.read_bytes()).public_key
    except FileNotFoundError as error:
        raise NotFound(f"there is no prediction log yet: {path} does not exist") from error
