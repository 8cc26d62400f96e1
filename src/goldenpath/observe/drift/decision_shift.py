"""What a drift does to decisions: outcomes and their scores since an onset, against those before.

A reader asks how many decisions would have been different. Each decision since the onset is paired
with the one of the same rank before it: the person in the riskiest tenth with the riskiest tenth.
The share of pairs with different outcomes is what moved, whatever the drift of single columns.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from goldenpath.drift.profile import Floats
from goldenpath.observe.log.segments.stored_segments import stored_segments

MOST_SEGMENTS = 200
"""Segments that are read, the newest: about a million records."""
LONGEST = timedelta(days=7)
"""How long before the onset decisions are compared."""
FEWEST = 100
"""Decisions on either side below which nothing is said about how many differ."""
_NORMAL = 1.959964
"""Two-sided 95 % of a normal distribution."""
_COLUMNS = ["t_start", "release_digest", "outcome", "decisive", "score"]


@dataclass(frozen=True, slots=True)
class OutcomeShift:
    """One outcome before the onset and since then."""

    outcome: str
    before: int
    since: int
    """Numbers of decisions."""
    score_before: float | None
    score_since: float | None
    """Median scores; None without such decisions, or without one score."""


@dataclass(frozen=True, slots=True)
class DecisionShift:
    """The decisions of a release before an onset and since then."""

    outcomes: tuple[OutcomeShift, ...]
    """In the order of their scores."""
    differing: float | None = None
    """Share of the decisions since the onset with another outcome than the decision of the same
    rank before; None where one side has too few decisions."""
    low: float = 0.0
    high: float = 1.0
    """A 95 % interval of that share."""

    @property
    def before(self) -> int:
        """Number of decisions before the onset."""
        return sum(each.before for each in self.outcomes)

    @property
    def since(self) -> int:
        """Number of decisions since the onset."""
        return sum(each.since for each in self.outcomes)

    @property
    def sentence(self) -> str:
        """How many decisions are different, in one sentence."""
        if self.differing is None:
            return (
                f"how many decisions are different is not known: {self.since} since then, "
                f"{self.before} before, expected at least {FEWEST} each"
            )
        number = round(self.differing * self.since)
        return (
            f"about {number} of {self.since} decisions since then are different ones than before "
            f"({self.differing:.1%}, 95 % interval {self.low:.1%} to {self.high:.1%})"
        )

    @property
    def parts(self) -> tuple[str, ...]:
        """One text for each outcome: its share and its median score, since then and before."""
        return tuple(_part(each, self.before, self.since) for each in self.outcomes)


def decision_shift(
    predictions: Path, deployment: tuple[str, str, str], since: datetime, until: datetime
) -> DecisionShift | None:
    """Return how the decisions of a release moved at `since`; None if the log has none after it.

    `deployment` is stage, model and digest. Raises `OSError` or `pyarrow.ArrowException` if a
    segment cannot be read.
    """
    stage, model, release = deployment
    begin = max(since - LONGEST, since - max(until - since, timedelta(hours=1)) * 4)
    sides: tuple[list[pa.Table], list[pa.Table]] = ([], [])
    for segment in [*stored_segments(predictions, stage, model)][-MOST_SEGMENTS:]:
        if not segment.has_table():
            continue  # expired or gone, which `goldenpath log check` tells apart
        with pq.ParquetFile(segment.source()) as file:
            table = file.read(columns=_COLUMNS, use_threads=False)
        mine = table.filter(
            pc.and_(
                pc.equal(table["release_digest"].cast(pa.string()), pa.scalar(release)),
                table["decisive"],
            )
        )
        for side, low, high in ((sides[0], begin, since), (sides[1], since, until)):
            inside = pc.and_(
                pc.greater_equal(mine["t_start"], pa.scalar(low, mine["t_start"].type)),
                pc.less(mine["t_start"], pa.scalar(high, mine["t_start"].type)),
            )
            side.append(mine.filter(inside).select(["outcome", "score"]))
    before, after = (_scores(side) for side in sides)
    return shift_of(before, after) if after else None


def shift_of(before: Mapping[str, Floats], since: Mapping[str, Floats]) -> DecisionShift:
    """Return the shift between two samples of decisions: the scores by outcome."""
    names = sorted({*before, *since}, key=lambda name: _rank(name, before, since))
    outcomes = tuple(
        OutcomeShift(
            name,
            len(before.get(name, ())),
            len(since.get(name, ())),
            _median(before.get(name)),
            _median(since.get(name)),
        )
        for name in names
    )
    shift = DecisionShift(outcomes)
    if min(shift.before, shift.since) < FEWEST:
        return shift
    share, error = _differing([each.before for each in outcomes], [each.since for each in outcomes])
    return DecisionShift(outcomes, share, max(share - error, 0.0), min(share + error, 1.0))


def _scores(tables: Sequence[pa.Table]) -> Mapping[str, Floats]:
    if not tables:
        return {}
    whole = pa.concat_tables(tables)
    outcomes = whole["outcome"].cast(pa.string())
    names: Iterable[str] = map(str, outcomes.drop_null().unique().to_pylist())
    return {
        name: np.asarray(
            whole["score"].filter(pc.equal(outcomes, pa.scalar(name))).to_numpy(), np.float32
        )
        for name in names
    }


def _rank(
    name: str, before: Mapping[str, Floats], since: Mapping[str, Floats]
) -> tuple[float, str]:
    """Return where an outcome stands: by its scores, those without any at the end."""
    both = [each[name] for each in (before, since) if name in each]
    middle = _median(np.concatenate(both))
    return (math.inf if middle is None else middle, name)


def _median(scores: Floats | None) -> float | None:
    known = scores[~np.isnan(scores)] if scores is not None else ()
    return float(np.median(known)) if len(known) else None


def _differing(before: Sequence[int], since: Sequence[int]) -> tuple[float, float]:
    """Return the share of ranks with different outcomes, and the half width of its interval.

    The share of one outcome in both is where its ranges of ranks overlap. By the inequality of the
    triangle the error is at most that of all bounds together.
    """
    olds, news = np.cumsum(before) / sum(before), np.cumsum(since) / sum(since)
    starts = np.maximum(np.r_[0.0, olds[:-1]], np.r_[0.0, news[:-1]])
    same = np.clip(np.minimum(olds, news) - starts, 0.0, None).sum()
    inner = slice(0, -1)
    variance = olds * (1 - olds) / sum(before) + news * (1 - news) / sum(since)
    return float(1 - same), float(_NORMAL * np.sqrt(np.clip(variance[inner], 0, None)).sum())


def _part(outcome: OutcomeShift, before: int, since: int) -> str:
    now = f"{outcome.outcome} {outcome.since / since:.1%} of {since} since then"
    then = "nothing to compare before"
    if before:
        then = f"{outcome.before / before:.1%} of {before} before"
    scores = ""
    if outcome.score_since is not None and outcome.score_before is not None:
        scores = f" (median score {outcome.score_since:.3f}, before {outcome.score_before:.3f})"
    return f"{now}, {then}{scores}"
