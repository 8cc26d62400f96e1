"""Decisions by slice over time: the share of each outcome, period by period, with intervals.

The groups of a decision are in its inputs, which are encrypted in the log. So only who may open
inputs gets this, and people whose key was erased are not in it: their number is.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from goldenpath.drift.profile import Floats
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.home import Home
from goldenpath.observe.log.decrypted_inputs import Inputs
from goldenpath.observe.log.log_reader import log_public_key, read_columns, verified
from goldenpath.observe.log.records import SCHEMA, feature_names
from goldenpath.observe.log.segment import Checkpoint
from goldenpath.observe.log.segments.stored_segments import stored_segments
from goldenpath.project.slicing import slices
from goldenpath.project.spec import Contract
from goldenpath.train.evaluation.metrics import share

FEWEST = 100
"""Decisions of a group in a period below which its share is not compared with others."""
_MONDAY = 4
"""The 5th of January 1970, in days since the 1st: weeks begin on a Monday, and longer periods are
counted from this one on."""


@dataclass(frozen=True, slots=True)
class GroupShare:
    """The share of one outcome in one group and period."""

    period: str
    """Its first day, as in 2026-09-28."""
    group: str
    """The value of the feature, as in 2 or `30 to 40`."""
    outcome: str
    decisions: int
    share: float
    low: float | None
    high: float | None
    """A 95 % interval; None with too few decisions for one."""

    @property
    def is_small(self) -> bool:
        """Whether there are too few decisions to compare the group."""
        return self.decisions < FEWEST


@dataclass(frozen=True, slots=True)
class GroupGap:
    """The largest difference of shares between two groups of enough decisions in a period."""

    period: str
    outcome: str
    most: str
    least: str
    """The groups with the largest and the smallest share."""
    difference: float
    low: float
    high: float
    """A 95 % interval. Of several groups the largest difference is taken, so it is too wide a claim
    that exactly these two differ."""


@dataclass(frozen=True, slots=True)
class SliceHistory:
    """The decisions of a model in a stage by the groups of one feature."""

    feature: str
    shares: tuple[GroupShare, ...]
    gaps_between: tuple[GroupGap, ...]
    closed: int
    """Decisions whose inputs no key opens: of people who were erased, or of expired days."""
    gaps: tuple[str, ...]
    """What could not be read."""


def slice_history(
    home: Home,
    stage: str,
    model: str,
    feature: str,
    *,
    days: int,
    contract_of: Callable[[str], Contract | None],
) -> SliceHistory:
    """Return the shares of outcomes by the groups of a feature, in periods of `days` days.

    Raises `InvalidInput` if no release has slices of that feature, `NotFound` without a log.
    """
    counts: dict[tuple[str, str, str], int] = {}
    gaps: list[str] = []
    closed, is_known = 0, False
    inputs = Inputs((home.keys,))
    public_key = log_public_key(home)
    try:
        for segment in stored_segments(home.predictions, stage, model):
            if segment.is_expired():
                continue
            try:
                checkpoint = verified(segment, public_key)
                table = _decided(read_columns(segment, SCHEMA.names))
                contract = contract_of(checkpoint.release)
                if contract is None:
                    gaps.append(f"release {checkpoint.release} cannot be opened")
                    continue
                is_known |= any(each.feature == feature for each in slices(contract))
                closed += _count(table, checkpoint, contract, inputs, into=(counts, feature, days))
            except (VerificationError, InvalidInput) as error:
                gaps.append(f"{segment.name}: {error.message}")
    finally:
        inputs.close()
    if not is_known and not gaps:
        raise InvalidInput(
            f"no release of {model} has groups of {feature!r} in {stage}: expected a category with "
            "few codes, or a number with `slices` in the contract"
        )
    shares = tuple(_shares(counts))
    return SliceHistory(feature, shares, tuple(_gaps(shares)), closed, tuple(dict.fromkeys(gaps)))


def _decided(table: pa.Table) -> pa.Table:
    is_decided = pc.and_(table["decisive"], table["outcome"].is_valid())
    return table.filter(pc.and_(is_decided, table["input_ciphertext"].is_valid()))


def _count(
    table: pa.Table,
    checkpoint: Checkpoint,
    contract: Contract,
    inputs: Inputs,
    *,
    into: tuple[dict[tuple[str, str, str], int], str, int],
) -> int:
    """Count the decisions of a segment; return the number whose inputs no key opens."""
    counts, feature, days = into
    rows: Floats = np.full((table.num_rows, len(feature_names(table))), np.inf, np.float32)
    if not table.num_rows:
        return 0
    inputs.read(table, checkpoint, rows)
    is_open: NDArray[np.bool_] = np.asarray(~np.isinf(rows).all(axis=1), np.bool_)
    periods = _periods(table, days)
    outcomes = np.array(table["outcome"].cast(pa.string()).to_pylist())
    for part in slices(contract):
        if part.feature != feature:
            continue
        values = rows[:, part.column]
        inside = is_open & (values >= np.float32(part.low)) & (values < np.float32(part.high))
        for period, outcome in zip(periods[inside], outcomes[inside], strict=True):
            key = (str(period), part.label, str(outcome))
            counts[key] = counts.get(key, 0) + 1
    return int((~is_open).sum())


def _periods(table: pa.Table, days: int) -> NDArray[np.str_]:
    """Return the first day of the period of each decision."""
    day = np.asarray(table["t_start"].to_numpy()).astype("datetime64[D]").astype(np.int64)
    return (day - (day - _MONDAY) % days).astype("datetime64[D]").astype(str)


def _shares(counts: dict[tuple[str, str, str], int]) -> Iterator[GroupShare]:
    outcomes = sorted({outcome for _, _, outcome in counts})
    for period, group in sorted({(period, group) for period, group, _ in counts}):
        total = sum(counts.get((period, group, each), 0) for each in outcomes)
        for outcome in outcomes:
            hits = np.arange(total) < counts.get((period, group, outcome), 0)
            known = share(hits)
            yield GroupShare(period, group, outcome, total, known.value, known.low, known.high)


def _gaps(shares: tuple[GroupShare, ...]) -> Iterator[GroupGap]:
    for period, outcome in sorted({(each.period, each.outcome) for each in shares}):
        mine = [
            each
            for each in shares
            if (each.period, each.outcome) == (period, outcome) and not each.is_small
        ]
        if len(mine) < 2:
            continue
        most, least = max(mine, key=_share_of), min(mine, key=_share_of)
        difference = most.share - least.share
        half = 1.959964 * float(
            np.sqrt(sum(e.share * (1 - e.share) / e.decisions for e in (most, least)))
        )
        low, high = max(difference - half, 0.0), min(difference + half, 1.0)
        yield GroupGap(period, outcome, most.group, least.group, difference, low, high)


def _share_of(group: GroupShare) -> float:
    return group.share
