"""The reader of the prediction log: one prediction by id, or many by model, stage and time."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from io import BytesIO
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
from goldenpath.observe.id_filters import IdFilters
from goldenpath.observe.log.context_columns import FIELDS
from goldenpath.observe.log.prediction_log import timestamp
from goldenpath.observe.log.records import (
    SALT,
    SCHEMA,
    VERSION,
    anonymous,
    feature_names,
    require_version,
)
from goldenpath.observe.log.segment import Checkpoint, parse_checkpoint, require_content
from goldenpath.observe.log.segments.stored_segments import (
    StoredSegment,
    Unit,
    stored_segments,
    units_of,
)
from goldenpath.observe.log.subject_keys import FILE, Subject, Subjects
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
    "class",
    "probabilities",
)
NOT_OPENED = "equal to the commitment, and not opened: --open needs a role and --reason"
Value = str | int | float | bool | list[str] | list[float] | None
Record = Mapping[str, Value]
"""One record's readable columns by name; times RFC 3339."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One record, from a segment with a correct digest and signature."""

    record: Record
    commitment: str
    """SHA-256 over salt, inputs and references, in hexadecimal; empty for a refusal."""
    inputs: Mapping[str, float | None] | None
    """By feature, None for NaN. None if they cannot be decrypted; `inputs_state` says why."""
    inputs_state: str
    """`opened and equal to the commitment`, `NOT_OPENED`, `erased`, `expired`, or for a refusal
    `none`."""
    references: Mapping[str, str]
    """Identifiers of outside data by kind. Empty if they cannot be decrypted."""
    segment: str
    """Name of the Parquet file, relative to the log."""
    checkpoint: Checkpoint
    checkpoint_digest: str
    """Digest of the signed checkpoint file."""

    def closed(self) -> "Prediction":
        """Return it without what was encrypted for a person."""
        if self.inputs is None:
            return self
        return replace(self, inputs=None, references={}, inputs_state=NOT_OPENED)

    @property
    def prediction_id(self) -> str:
        """`<32 hex digits>-<row>`."""
        return str(self.record["prediction_id"])

    @property
    def release(self) -> str:
        """Digest of the release that answered."""
        return str(self.record["release_digest"])


def find_prediction(home: Home, prediction_id: str) -> Prediction:
    """Return the verified record of one prediction, with its inputs if their key exists.

    Raises like `locate_prediction`. Raises `VerificationError` if the segment or the inputs do not
    match what was signed.
    """
    return _prediction(home, *locate_prediction(home, prediction_id))


def locate_prediction(home: Home, prediction_id: str) -> tuple[StoredSegment, int]:
    """Return the segment that has a prediction, and its place in the segment.

    An id without a row number means row 0. A shadow answer has the id of the live answer, and is
    returned only if the live one is not found. Raises `NotFound` if no sealed segment has the id.
    """
    names = [prediction_id] if "-" in prediction_id else [prediction_id, f"{prediction_id}-0"]
    segments = list(stored_segments(home.predictions))
    units = [*reversed([*units_of(segments, at_once=1)])]
    filters = IdFilters[Unit](home.prediction_filters, _name_of)
    with closing(filters.candidates(units, prediction_id, _ids_of)) as likely:
        found = _located((each for unit in likely for each in reversed(unit)), names)
    # A "no" rests on the log alone, and not on hashes that may be damaged.
    found = found or _located(reversed(segments), names)
    if found is None:
        raise NotFound(
            f"prediction {prediction_id} is not in the sealed log",
            hint="an answer is sealed some seconds after it was given, while `goldenpath up` runs",
        )
    return found


def _name_of(unit: Unit) -> str:
    first = unit[0]
    return f"{first.stage}/{first.model}/{first.packed}" if first.packed else first.relative


def _ids_of(unit: Unit) -> list[str]:
    first = unit[0]
    if first.packed:
        # What a packed file shows other programs is enough to say where to look.
        with (
            suppress(pa.ArrowException, OSError),
            pq.ParquetFile(first.folder / first.packed) as all_of,
        ):
            return _texts(all_of.read(columns=["prediction_id"], use_threads=False))
    return [
        name
        for each in unit
        if each.has_table()
        for name in _texts(_table(each, ["prediction_id"]))
    ]


def _texts(table: pa.Table) -> list[str]:
    return [str(each) for each in table["prediction_id"].to_pylist()]


def _located(
    segments: Iterable[StoredSegment], names: Sequence[str]
) -> tuple[StoredSegment, int] | None:
    """Return the first segment with one of the ids, and its place; a live answer before shadows."""
    shadow: tuple[StoredSegment, int] | None = None
    for segment in segments:
        if not segment.has_table():
            continue  # expired, or missing: `log check` tells which
        table = _table(segment, ["prediction_id", "decisive"])
        place_of = max(pc.index(table["prediction_id"], value).as_py() for value in names)
        if place_of >= 0 and table["decisive"][place_of].as_py():
            return segment, place_of
        if place_of >= 0:
            shadow = segment, place_of
    return shadow


def _prediction(home: Home, segment: StoredSegment, place: int) -> Prediction:
    checkpoint = verified(segment, log_public_key(home))
    table = read_columns(segment, SCHEMA.names)
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
        segment=segment.table_relative,
        checkpoint=checkpoint,
        checkpoint_digest=Digest.of(segment.checkpoint()).text,
    )


def _open(
    home: Home,
    table: pa.Table,
    record: Record,
    values: Mapping[str, object],
) -> tuple[Mapping[str, float | None] | None, Mapping[str, str], str]:
    """Return inputs, references and the state of the inputs."""
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
    """Return the inputs of one prediction as little-endian 32-bit floats, then its references.

    Raises `VerificationError` if the key cannot decrypt them or the commitment differs.
    """
    plain = subject.open(ciphertext, prediction_id)
    if hashlib.sha256(plain).digest() != commitment:
        raise VerificationError(
            f"inputs of prediction {prediction_id} do not match their commitment"
        )
    return plain[SALT:]


def _subject(home: Home, record: Record) -> Subject | Literal["erased", "expired"]:
    """Return the subject whose key opens the inputs, or why there is none."""
    if not (home.keys / FILE).exists():
        return "expired"  # a copy of a home without its keys
    subjects = Subjects.existing(home.keys)
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
    """Return records without inputs, the newest first. Segments are not verified."""
    for segment in reversed(list(stored_segments(home.predictions, stage, model))):
        if not segment.has_table():
            continue
        table = read_columns(segment, _COLUMNS)
        if since is not None:
            table = table.filter(pc.greater_equal(table["t_start"], pa.scalar(since)))
        table = table.sort_by([("t_start", "descending")])
        for begin in range(0, table.num_rows, 1000):
            chunk = table.slice(begin, 1000)
            for position in range(chunk.num_rows):
                yield _readable(chunk.slice(position, 1))


def read_columns(segment: StoredSegment, columns: Sequence[str]) -> pa.Table:
    """Return these columns of a segment. Columns that an older version lacks are null.

    Raises `InvalidInput` for an unknown version.
    """
    return columns_of(segment.source(), segment.table_name, columns)


def columns_of(
    source: Path | BytesIO | pa.BufferReader,
    name: str,
    columns: Sequence[str],
    *,
    of_each: Sequence[int] | None = None,
) -> pa.Table:
    """Return these columns of a table like `read_columns`; `name` is for messages.

    `of_each` is how many records each of several tables has that the file shows as one. Raises
    `VerificationError` if it has others.
    """
    # What is in memory needs no other thread that reads ahead.
    with pq.ParquetFile(source, pre_buffer=False) as file:
        known = file.schema_arrow
        _require_version(name, known)
        if of_each is not None:
            groups = (file.metadata.row_group(at) for at in range(file.num_row_groups))
            if [*filter(None, of_each)] != [rows for each in groups if (rows := each.num_rows)]:
                raise VerificationError(f"{name} has other records than its checkpoints say")
        wanted = [each for each in columns if each in known.names]
        table = file.read(columns=wanted, use_threads=False)
    for column in columns:
        if column not in known.names:
            empty = pa.nulls(table.num_rows, SCHEMA.field(column).type)
            table = table.append_column(SCHEMA.field(column).with_nullable(True), empty)
    return table


def _table(segment: StoredSegment, columns: list[str]) -> pa.Table:
    with pq.ParquetFile(segment.source(), pre_buffer=False) as file:
        return file.read(columns=columns, use_threads=False)


def _require_version(name: str, known: pa.Schema) -> None:
    require_version((known.metadata or {}).get(VERSION, b""), f"segment {name}")


def _readable(row: pa.Table) -> Record:
    # Python's datetime has no nanoseconds, so the time is converted as an integer.
    left = {"input_commitment", "input_ciphertext", "t_start"} & set(row.column_names)
    values: dict[str, Value] = row.drop_columns(sorted(left)).to_pylist()[0]
    started: int = pc.cast(row["t_start"], pa.int64())[0].as_py() or 0
    times = {"t_start": timestamp(started), "t_end": timestamp(started + _whole(values))}
    return {**values, **times}


def _whole(values: Record) -> int:
    duration = values["duration_ns"]
    return duration if isinstance(duration, int) else 0


def verified(segment: StoredSegment, public_key: bytes) -> Checkpoint:
    """Return a checkpoint after a check of its signature and the digest of its segment.

    Raises `VerificationError` if one is wrong.
    """
    return verified_table(segment, public_key)[0]


def verified_table(segment: StoredSegment, public_key: bytes) -> tuple[Checkpoint, bytes]:
    """Return a checkpoint like `verified`, and the table that it signs."""
    checkpoint = parse_checkpoint(segment.checkpoint(), public_key)
    try:
        content = segment.table()
    except FileNotFoundError as error:
        raise VerificationError(f"segment {segment.table_name} is gone") from error
    require_content(segment.table_name, content, checkpoint)
    return checkpoint, content


def log_public_key(home: Home) -> bytes:
    """Return the key that signs checkpoints, in DER.

    Raises `NotFound` if there is no log yet, `VerificationError` if the file is damaged.
    """
    path = home.log_key.with_suffix(".pub")
    try:
        return key_from_pem("log", path.read_bytes()).public_key
    except FileNotFoundError as error:
        raise NotFound(f"there is no prediction log yet: {path} does not exist") from error
    except InvalidInput as error:
        raise VerificationError(f"{path} is damaged: {error.message}") from error
