"""Answers and refusals of a deployment hour by hour, from the sealed prediction log."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import ArrowException

from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.home import Home
from goldenpath.observe.log.log_reader import log_public_key, read_columns, verified
from goldenpath.observe.log.segment import Checkpoint, parse_checkpoint
from goldenpath.observe.log.segments.stored_segments import StoredSegment, stored_segments
from goldenpath.observe.refusal_reasons import refusal_reason

HOURS = 24
MOST_SEGMENTS = 200
"""Segments that are read, the newest: about a million records."""
_HOUR = timedelta(hours=1)
_COLUMNS = (
    "t_start", "duration_ns", "row", "status", "refusal", "decisive", "input_commitment",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class HourOfAnswers:
    """The requests of one hour that are in the sealed log."""

    begin: datetime
    answered: int
    refused: Mapping[str, int]
    """By reason."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from a request's arrival at the server to its answer."""

    median: float
    p95: float
    p99: float
    requests: int


@dataclass(frozen=True, slots=True)
class AnswerHours:
    """The last hours, the oldest first; the last one has only begun."""

    hours: tuple[HourOfAnswers, ...]
    """Empty if nothing could be found out."""
    latency: Latency | None
    """Of answered requests; None without any."""
    unknown: tuple[str, ...] = ()
    """What could not be read or is not in the log, one sentence each."""


@dataclass(slots=True)
class _Counting:
    begin: datetime
    answered: Counter[int] = field(default_factory=Counter)
    refused: dict[int, Counter[str]] = field(default_factory=dict)
    durations: list[NDArray[np.int64]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def add(self, table: pa.Table) -> None:
        """Count the decisive requests of a table that lie in the period."""
        table = table.filter(
            pc.and_(table["decisive"], pc.equal(table["row"], pa.scalar(0, pa.int32())))
        )
        begin = np.datetime64(self.begin.astimezone(UTC).replace(tzinfo=None), "ns")
        hours = (table["t_start"].to_numpy() - begin) // np.timedelta64(1, "h")
        inside = (hours >= 0) & (hours < HOURS)
        table, hours = table.filter(pa.array(inside)), hours[inside]
        is_answer = table["input_commitment"].is_valid().to_numpy()
        self.answered.update(hours[is_answer].tolist())
        self.durations.append(table["duration_ns"].to_numpy()[is_answer])
        refusals = table.filter(pa.array(~is_answer))
        for hour, status, note in zip(
            hours[~is_answer].tolist(),
            refusals["status"].to_pylist(),
            refusals["refusal"].to_pylist(),
            strict=True,
        ):
            self.refused.setdefault(hour, Counter())[
                refusal_reason(int(status or 0), str(note or ""))
            ] += 1

    def result(self) -> AnswerHours:
        """Return what was counted."""
        hours = tuple(
            HourOfAnswers(
                self.begin + _HOUR * hour, self.answered[hour], self.refused.get(hour, Counter())
            )
            for hour in range(HOURS)
        )
        durations = np.concatenate([np.empty(0), *self.durations]) / 1e9
        latency = None
        if len(durations):
            middle, high, highest = np.quantile(durations, (0.5, 0.95, 0.99)).tolist()
            latency = Latency(middle, high, highest, len(durations))
        return AnswerHours(hours, latency, tuple(self.unknown))


def answer_hours(home: Home, stage: str, model: str, until: datetime) -> AnswerHours:
    """Return the answers and refusals of the last `HOURS` hours; the last one has begun.

    Only segments that match their signed checkpoints count; the others are named.
    """
    try:
        public_key = log_public_key(home)
    except NotFound:
        return AnswerHours((), None, ("there is no prediction log on this machine",))
    except VerificationError as error:
        return AnswerHours((), None, (error.message,))
    last = until.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    counting = _Counting(last - _HOUR * (HOURS - 1))
    chosen: list[tuple[StoredSegment, Checkpoint]] = []
    for segment in stored_segments(home.predictions, stage, model):
        try:
            claimed = parse_checkpoint(segment.checkpoint(), public_key)
            if claimed.last_time and datetime.fromisoformat(claimed.last_time) >= counting.begin:
                chosen.append((segment, claimed))
        except (InvalidInput, VerificationError, OSError) as error:
            counting.unknown.append(f"{segment.name} does not count: {_words(error)}")
    if len(chosen) > MOST_SEGMENTS:
        left = len(chosen) - MOST_SEGMENTS
        counting.unknown.append(f"only the newest {MOST_SEGMENTS} segments are counted, not {left}")
    for segment, claimed in chosen[-MOST_SEGMENTS:]:
        _count(counting, segment, claimed, public_key)
    return counting.result()


def _count(
    counting: _Counting, segment: StoredSegment, claimed: Checkpoint, public_key: bytes
) -> None:
    if claimed.lost or claimed.unknown:
        number = f"at least {claimed.lost}" if claimed.unknown else str(claimed.lost)
        counting.unknown.append(f"{segment.name}: {number} requests were answered without a record")
    if segment.is_expired():
        counting.unknown.append(f"{segment.name} has expired: only its number of records is kept")
        return
    try:
        verified(segment, public_key)
        counting.add(read_columns(segment, _COLUMNS))
    except (InvalidInput, VerificationError, OSError, ArrowException) as error:
        counting.unknown.append(f"{segment.name} does not count: {_words(error)}")


def _words(error: Exception) -> str:
    return " ".join(str(getattr(error, "message", error)).split())[:300]
