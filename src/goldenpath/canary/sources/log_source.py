"""The prediction log as a source of the canary judge: counts of its records between two times.

Records are counted by the code that also counts them while they are made (`outcomes`, `tally`). So
the judge compares the same as on one machine: errors, durations, outcomes, scores and pairs. It
compares declared slices if keys open the inputs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from goldenpath.canary.arms import Arm
from goldenpath.digest import Digest
from goldenpath.drift.profile import Floats
from goldenpath.errors import GoldenPathError, InvalidInput, Unavailable, VerificationError
from goldenpath.observe.drift.outcomes import Outcomes
from goldenpath.observe.log.decrypted_inputs import Inputs
from goldenpath.observe.log.log_storage import LogStorage
from goldenpath.observe.log.records import Block
from goldenpath.observe.log.release_rules import Facts
from goldenpath.observe.log.request_spans import RequestSpans
from goldenpath.observe.log.segment import Checkpoint, require_content
from goldenpath.observe.log.verified_segments import Files, missing_numbers, verified_segments
from goldenpath.project.slicing import slices
from goldenpath.serve.gateway.tally import Tally
from goldenpath.serve.record.spool_format import Answered, SpoolHeader

MOST_ROWS = 5_000_000
"""The largest number of records of one step that are read."""
_SILENT = timedelta(minutes=15)
_CLOSED = 0.05
"""The share of inputs that may stay closed: those of people who were erased."""
_COLUMNS = [
    "prediction_id", "t_start", "duration_ns", "stage", "model", "release_digest", "sequence",
    "row", "status", "subject_ref", "input_commitment", "input_ciphertext", "key_day", "score",
    "decisive", "probabilities",
]  # fmt: skip


@dataclass(slots=True)
class _Count:
    """The counts so far."""

    outcomes: Outcomes
    live: dict[str, Tally] = field(default_factory=dict)
    """Requests whose answers were used, by release."""
    every: dict[str, Tally] = field(default_factory=dict)
    """All requests, shadow copies too, by release."""
    rows: int = 0
    closed: int = 0
    """Rows whose inputs no key opened."""


class PredictionLogSource:
    """A prediction log in one storage, signed by some keys."""

    def __init__(
        self,
        shelf: LogStorage,
        keys: Sequence[bytes],
        facts: Callable[[str], Facts | None],
        inputs: Inputs | None = None,
        *,
        needs_slices: bool = True,
    ) -> None:
        """Read the log; with `needs_slices`, inputs that no key opens are a gap."""
        self._shelf = shelf
        self._keys = keys
        self._facts = facts
        self._inputs = inputs
        self._needs_slices = needs_slices

    def arms(
        self,
        stage: str,
        model: str,
        releases: Sequence[Digest],
        since: datetime,
        *,
        until: datetime,
    ) -> tuple[Arm, ...]:
        """Return the counts of each release between two times, and the gaps in them.

        Raises `Unavailable` if there is no log, or a contract cannot be read.
        """
        files = self._shelf.files(stage, model)
        if not files:
            raise Unavailable(
                f"no prediction log of {stage}/{model} is at {self._shelf.where}",
                hint="GOLDENPATH_PREDICTIONS is the folder that holds STAGE/MODEL/*.parquet",
            )
        for release in releases:
            if self._facts(release.text) is None:
                raise Unavailable(f"the contract of {release.short} cannot be read")
        between = (since.astimezone(UTC), until.astimezone(UTC))
        window = verified_segments(files, (stage, model), releases, between, keys=self._keys)
        if sum(checkpoint.rows for _, checkpoint in window.segments) > MOST_ROWS:
            raise InvalidInput(
                f"more than {MOST_ROWS} predictions were made since the step began",
                hint="decide by goldenpath rollout or goldenpath rollback",
            )
        count, gaps = _Count(Outcomes(self._facts)), window.gaps
        gaps += self._counted(files, window.segments, between, count)
        gaps += _silence(window.segments, until)
        gaps += self._closed(count, releases)
        unique = tuple(dict.fromkeys(gaps))
        return tuple(_arm(count, f"{stage}/{model}", each.text, unique) for each in releases)

    def _counted(
        self,
        files: Files,
        segments: Sequence[tuple[str, Checkpoint]],
        between: tuple[datetime, datetime],
        count: _Count,
    ) -> Iterator[str]:
        """Count each segment that verifies, and yield a sentence for each gap."""
        numbers = []
        for name, checkpoint in segments:
            try:
                table = _table(files, name, checkpoint)
                block, opened = self._block(table, checkpoint, between)
            except Unavailable:
                raise
            except GoldenPathError as error:
                yield f"{name}: {error.message}"
                continue
            known = RequestSpans.parse(checkpoint.lost_spans)
            known.add_numbers(table["sequence"].to_numpy())
            numbers.append((checkpoint, known))
            if checkpoint.lost:
                yield f"{checkpoint.lost} requests of {checkpoint.replica} left no record"
            count.rows += block.total
            count.closed += block.total - opened
            count.outcomes.add(block)
            _tally(count, block)
        yield from missing_numbers(numbers)

    def _block(
        self, table: pa.Table, checkpoint: Checkpoint, between: tuple[datetime, datetime]
    ) -> tuple[Block, int]:
        """Return the records of that period, and the number of rows whose inputs were opened."""
        facts = self._facts(checkpoint.release)
        if facts is None:
            raise Unavailable(f"the contract of {checkpoint.release} cannot be read")
        features = [feature.name for feature in facts.contract.features]
        header = SpoolHeader(
            1, checkpoint.stage, checkpoint.model, checkpoint.release, checkpoint.release,
            checkpoint.replica, features, 0,
        )  # fmt: skip
        begin, end = (np.datetime64(each.replace(tzinfo=None), "ns") for each in between)
        started = table["t_start"].to_numpy()
        table = table.filter(pa.array((started >= begin) & (started < end)))
        served = table.filter(table["input_ciphertext"].is_valid())
        rows = np.full((served.num_rows, len(features)), np.nan, np.float32)
        opened = 0
        if self._inputs is not None and any(slices(facts.contract)):
            opened = self._inputs.read(served, checkpoint, rows)
        numbers = _numbers(served, facts.rules.width)
        columns = np.ascontiguousarray(rows.T)
        return Block(header, [*_answered(table)], rows, columns, numbers), opened

    def _closed(self, count: _Count, releases: Sequence[Digest]) -> Iterator[str]:
        contracts = [facts.contract for each in releases if (facts := self._facts(each.text))]
        if not (self._needs_slices and any(any(slices(each)) for each in contracts)):
            return
        if count.closed > _CLOSED * count.rows:
            yield (
                f"no key opens the inputs of {count.closed} of {count.rows} predictions, so the "
                "declared slices are not compared"
            )


def _numbers(served: pa.Table, width: int) -> Floats:
    """Return what the model gave for each row; NaN where it gave nothing."""
    if width == 1:
        return served["score"].to_numpy().astype(np.float32).reshape(-1, 1)
    nothing = [np.nan] * width
    listed = [each or nothing for each in served["probabilities"].to_pylist()]
    if any(len(each) != width for each in listed):
        raise VerificationError("a record has another number of classes than its release")
    return np.array(listed, np.float32).reshape(-1, width)


def _table(files: Files, name: str, checkpoint: Checkpoint) -> pa.Table:
    """Return the records of a segment. Raises `VerificationError` if they were changed."""
    if name not in files:
        raise VerificationError("the table is gone")
    content = files[name]()
    require_content(name, content, checkpoint)
    try:
        table = pq.ParquetFile(BytesIO(content)).read(columns=_COLUMNS, use_threads=False)
    except pa.ArrowInvalid as error:
        raise VerificationError(f"the table cannot be read: {error}") from error
    absent = sorted(set(_COLUMNS) - set(table.column_names))
    if absent:
        raise VerificationError(f"the table has no column {absent[0]}")
    if table.num_rows != checkpoint.rows:
        raise VerificationError(f"expected {checkpoint.rows} records, got {table.num_rows}")
    for column, value in (
        ("stage", checkpoint.stage),
        ("model", checkpoint.model),
        ("release_digest", checkpoint.release),
    ):
        if table.num_rows and set(table[column].unique().to_pylist()) != {value}:
            raise VerificationError(f"its records have another {column} than its checkpoint")
    return table


def _answered(table: pa.Table) -> Iterator[Answered]:
    """Yield the requests of a table, with only the fields that are counted."""
    if not table.num_rows:
        return
    begins = np.flatnonzero(table["row"].to_numpy() == 0)
    sizes = np.diff([*begins, table.num_rows]).tolist()
    served = table["input_ciphertext"].is_valid().to_numpy()[begins]
    first = table.take(begins)
    for name, sequence, started, duration, status, size, is_served, decisive in zip(
        first["prediction_id"].to_pylist(),
        first["sequence"].to_pylist(),
        first["t_start"].to_numpy().astype(np.int64).tolist(),
        first["duration_ns"].to_pylist(),
        first["status"].to_pylist(),
        sizes,
        served.tolist(),
        first["decisive"].to_pylist(),
        strict=True,
    ):
        yield Answered(
            str(name).partition("-")[0], int(sequence or 0), started, int(duration or 0), 0,
            int(status or 0), size if is_served else 0, b"", b"", shadow=not decisive,
        )  # fmt: skip


def _tally(count: _Count, block: Block) -> None:
    release = block.header.digest
    live = count.live.setdefault(release, Tally())
    every = count.every.setdefault(release, Tally())
    for answered in block.answered:
        every.count(answered.status, answered.duration / 1e9)
        if not answered.shadow:
            live.count(answered.status, answered.duration / 1e9)


def _silence(segments: Sequence[tuple[str, Checkpoint]], until: datetime) -> Iterator[str]:
    newest = max((checkpoint.last_time for _, checkpoint in segments), default="")
    if newest and until - datetime.fromisoformat(newest) > _SILENT:
        yield f"no record of the log is newer than {newest}"


def _arm(count: _Count, deployment: str, release: str, gaps: tuple[str, ...]) -> Arm:
    live = count.live.get(release, Tally())
    # A release that gets only shadow copies is compared by them.
    tally = live if live.requests else count.every.get(release, Tally())
    known: Mapping[str, Sequence[int]] = count.outcomes.counts(deployment, release)
    return replace(Arm.of(tally, known), gaps=gaps)
