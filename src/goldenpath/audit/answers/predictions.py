"""Counts from the prediction log: records of one release, and answers around a moment."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from goldenpath.audit.report.evidence_bundle import LogSummary
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.home import Home
from goldenpath.observe.log.log_reader import log_public_key, read_columns, verified
from goldenpath.observe.log.retention import read_expired
from goldenpath.observe.log.segment import Checkpoint, parse_checkpoint
from goldenpath.observe.log.segments.checked_parts import CheckedParts
from goldenpath.observe.log.segments.stored_segments import (
    StoredSegment,
    Unit,
    stored_segments,
    units_of,
)

HALF = timedelta(seconds=30)
"""Half of the window around a moment in which answers are counted."""

Name = tuple[str, str]
"""Stage and model."""


def summarise(home: Home, digest: Digest, until: datetime) -> LogSummary | None:
    """Return the count of records of one release that were sealed by `until`.

    Only checkpoints that the key of the log has signed count; `check_logs` names the others. None
    if none had been sealed by then, or if the key of the log is gone. So the count as of a moment
    is the same whenever it is taken.
    """
    everything = tuple(sealed_by(home, until))
    if not everything:
        return None
    sealed = [each for each in everything if each.release == digest.text]
    return LogSummary(
        records=sum(each.rows for each in sealed),
        first=min((each.first_time for each in sealed if each.first_time), default=""),
        last=max((each.last_time for each in sealed if each.last_time), default=""),
        lost=sum(each.lost for each in sealed),
    )


@dataclass(frozen=True, slots=True)
class SealedRecords:
    """Records of one release that were sealed together."""

    stage: str
    release: str
    rows: int
    lost: int
    first_time: str
    last_time: str


def sealed_by(home: Home, until: datetime) -> Iterator[SealedRecords]:
    """Yield what the key of the log had signed by a moment, if there is a key.

    Only checkpoints that it signed count. Packed files that were checked before are not read.
    """
    try:
        public_key = log_public_key(home)
    except (NotFound, VerificationError):  # `check_logs` says which
        return
    with CheckedParts(home, public_key) as parts:
        for unit in units_of(stored_segments(home.predictions)):
            part = parts.remembered(unit)
            if part is not None and datetime.fromisoformat(part.sealed[2]) > until:
                continue
            if part is not None and datetime.fromisoformat(part.sealed[3]) <= until:
                yield SealedRecords(
                    part.stage, part.release, part.records, part.lost, part.earliest, part.latest
                )
                continue
            for each in _signed(unit, public_key):
                if datetime.fromisoformat(each.sealed_at) <= until:
                    yield SealedRecords(
                        each.stage,
                        each.release,
                        each.rows,
                        each.lost,
                        each.first_time,
                        each.last_time,
                    )


def _signed(unit: Unit, public_key: bytes) -> Iterator[Checkpoint]:
    for segment in unit:
        with suppress(InvalidInput, VerificationError):
            yield parse_checkpoint(segment.checkpoint(), public_key)


@dataclass(frozen=True, slots=True)
class Minute:
    """Counts of records in the minute around a moment, by stage and model."""

    by_release: dict[Name, Counter[str]]
    by_process: dict[Name, Counter[str]]
    """Counts of unexpired records. The process is empty if the caller named none."""
    spans: dict[Name, dict[str, tuple[datetime, datetime]]] = field(default_factory=dict)
    """When the first and the last answer of each release was given."""

    def add_span(self, name: Name, release: str, first: datetime, last: datetime) -> None:
        """Widen the span of a release."""
        begin, end = self.spans.setdefault(name, {}).get(release, (first, last))
        self.spans[name][release] = (min(begin, first), max(end, last))


def answers_at(home: Home, moment: datetime) -> Minute | None:
    """Return which releases answered in the minute around `moment`, and for which processes.

    None if there is no prediction log, or if its key is gone. A segment that does not match its
    signed checkpoint is left out; `check_logs` names it.
    """
    return answers_between(home, moment - HALF, moment + HALF)


def answers_between(home: Home, begin: datetime, end: datetime) -> Minute | None:
    """Return what `answers_at` returns, for the answers of any period."""
    try:
        public_key = log_public_key(home)
    except (NotFound, VerificationError):  # `check_logs` says which
        return None
    minute = Minute({}, {})
    with CheckedParts(home, public_key) as parts:
        for unit in units_of(stored_segments(home.predictions)):
            part = parts.remembered(unit)
            if part is None or _overlaps((part.earliest, part.latest), begin, end):
                for segment in unit:
                    with suppress(InvalidInput, VerificationError):
                        claimed = parse_checkpoint(segment.checkpoint(), public_key)
                        if _overlaps((claimed.first_time, claimed.last_time), begin, end):
                            _count(minute, segment, public_key, (begin, end))
    return minute


def _count(
    minute: Minute, segment: StoredSegment, public_key: bytes, period: tuple[datetime, datetime]
) -> None:
    """Add the records of one segment. Raises `VerificationError` if it fails verification."""
    if segment.is_expired():
        # An expired segment keeps only the number of its records, not their times.
        checkpoint, _ = read_expired(segment, public_key)
        counted = minute.by_release.setdefault((checkpoint.stage, checkpoint.model), Counter())
        counted[checkpoint.release] += checkpoint.rows
        first, last = map(datetime.fromisoformat, (checkpoint.first_time, checkpoint.last_time))
        minute.add_span(
            (checkpoint.stage, checkpoint.model),
            checkpoint.release,
            max(first, period[0]),
            min(last, period[1]),
        )
        return
    checkpoint = verified(segment, public_key)
    table = read_columns(segment, ["t_start", "decisive", "process"])
    table = table.filter(table["decisive"])
    times = table["t_start"].to_numpy()
    is_inside = (times >= _numpy(period[0])) & (times < _numpy(period[1]))
    name = (checkpoint.stage, checkpoint.model)
    minute.by_release.setdefault(name, Counter())[checkpoint.release] += int(is_inside.sum())
    if is_inside.any():
        inside = times[is_inside]
        first, last = _moment(inside.min()), _moment(inside.max())
        minute.add_span(name, checkpoint.release, first, last)
    named = table.filter(pa.array(is_inside))["process"].to_pylist()
    processes = minute.by_process.setdefault(name, Counter())
    processes.update(str(process or "") for process in named)


def _overlaps(span: tuple[str, str], begin: datetime, end: datetime) -> bool:
    if not span[0]:
        return False
    first, last = map(datetime.fromisoformat, span)
    return first < end and last >= begin


def _numpy(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "ns")


def _moment(value: np.datetime64) -> datetime:
    """Return a time of the log to the microsecond."""
    moment: datetime = value.astype("M8[us]").item()
    return moment.replace(tzinfo=UTC)
