"""Counts of answers by who oversaw them, from the prediction log of this machine."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.home import Home
from goldenpath.observe.log.log_reader import log_public_key, read_columns, verified
from goldenpath.observe.log.segment import parse_checkpoint
from goldenpath.observe.log.segments.stored_segments import StoredSegment, stored_segments

_COLUMNS = ["t_start", "decisive", "oversight_mode", "oversight_by", "fallback_used"]

Name = tuple[str, str]
"""Stage and model."""


@dataclass(frozen=True, slots=True)
class OversightCounts:
    """Decisive answers of a period by stage and model."""

    by_mode: dict[Name, Counter[str]] = field(default_factory=dict)
    """Mode and who said it, such as `human-in-loop by policy`."""
    fallback: Counter[Name] = field(default_factory=Counter)
    """Answers that the fallback gave in place of the model."""
    unknown: tuple[str, ...] = ()
    """What could not be read."""


def oversight_between(home: Home, begin: datetime, end: datetime) -> OversightCounts:
    """Return the counts of a period; what cannot be read is named."""
    counts, unknown = OversightCounts(), list[str]()
    try:
        public_key = log_public_key(home)
    except NotFound:
        return OversightCounts(unknown=("there is no prediction log on this machine",))
    except VerificationError as error:
        return OversightCounts(unknown=(error.message,))
    for segment in stored_segments(home.predictions):
        try:
            unknown += _count(counts, segment, public_key, (begin, end))
        except (InvalidInput, VerificationError) as error:
            unknown.append(f"a segment of the prediction log does not count: {error.message}")
    return OversightCounts(counts.by_mode, counts.fallback, tuple(unknown))


def _count(
    counts: OversightCounts,
    segment: StoredSegment,
    public_key: bytes,
    period: tuple[datetime, datetime],
) -> Iterator[str]:
    """Add the answers of one segment; yield what it cannot say."""
    claimed = parse_checkpoint(segment.checkpoint(), public_key)
    name = (claimed.stage, claimed.model)
    if not claimed.first_time or datetime.fromisoformat(claimed.first_time) >= period[1]:
        return
    if datetime.fromisoformat(claimed.last_time) < period[0]:
        return
    if segment.is_expired():
        yield f"{claimed.rows} answers of {'/'.join(name)} have expired: only their number is kept"
        return
    verified(segment, public_key)
    table = read_columns(segment, _COLUMNS)
    times = table["t_start"].to_numpy()
    first, last = (np.datetime64(each.astimezone(UTC).replace(tzinfo=None), "ns")
                   for each in period)  # fmt: skip
    inside = pa.array((times >= first) & (times < last))
    table = table.filter(inside)
    table = table.filter(table["decisive"])
    modes = zip(table["oversight_mode"].to_pylist(), table["oversight_by"].to_pylist(), strict=True)
    counted = counts.by_mode.setdefault(name, Counter())
    counted.update(f"{mode} by {by}" if mode else "not recorded" for mode, by in modes)
    counts.fallback[name] += sum(bool(each) for each in table["fallback_used"].to_pylist())
