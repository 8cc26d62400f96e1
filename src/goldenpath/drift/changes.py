"""The state of each process at a look: its evidence, its threshold, its onset, and its end.

A process that has alarmed alarms again only after it was restarted, which a repair or a person
does. Then only starts after that look count.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import merge

import numpy as np
from numpy.typing import NDArray

from goldenpath.drift.counting import Counts
from goldenpath.drift.distance import population_stability_index
from goldenpath.drift.profile import Bins
from goldenpath.drift.sequential import (
    KINDS,
    PAIR,
    ChangeKind,
    Detector,
    State,
    log_evidence,
    log_thresholds,
    pair_excess,
)
from goldenpath.drift.shift import common_bins

Array = NDArray[np.float64]
Process = tuple[str, ChangeKind]
"""A feature, or the score, and a kind of change."""

REPAIRED = math.log(1000)
"""How much likelier the reference has to be than the drift, for a repair; natural logarithm."""


@dataclass(frozen=True, slots=True)
class Change:
    """One process at a look. Evidence and threshold are natural logarithms.

    The evidence is the sum over starts of each e-value times its weight, relative to the weight of
    the onset. The threshold is that of the onset.
    """

    feature: str
    kind: ChangeKind
    evidence: float
    threshold: float
    onset: int
    """The position of the start with the most evidence, relative to its threshold."""
    since: int
    """When the first row since that start arrived, in seconds since 1970."""
    rows: int
    """Number of rows since the onset."""

    @property
    def is_alarm(self) -> bool:
        """Whether the evidence has reached the threshold."""
        return self.evidence >= self.threshold


def changes(
    detector: Detector,
    state: State,
    after: Mapping[Process, int],
    evidence: Array | None = None,
) -> Iterator[Change]:
    """Yield every process that has evidence, the nearest to its alarm first.

    `after` has the number of looks before which a restarted process takes no starts. `evidence` is
    that of `log_evidence`, if the caller has it already.
    """
    if not state.starts:
        return
    if evidence is None:
        evidence = log_evidence(detector, state.window())
    of_columns = _column_changes(detector, state, after, evidence)
    yield from merge(of_columns, _pair_changes(detector, state, after), key=_distance)


def _distance(change: Change) -> float:
    return change.threshold - change.evidence


def _column_changes(
    detector: Detector, state: State, after: Mapping[Process, int], evidence: Array
) -> Iterator[Change]:
    thresholds = log_thresholds(detector, state)
    excess = evidence - thresholds
    starts = np.array(state.starts)
    columns = detector.profile.columns
    places = {bins.name: place for place, bins in enumerate(columns)}
    for (name, restarted), first in after.items():
        if name in places and restarted in KINDS:
            excess[starts < first, places[name], KINDS.index(restarted)] = -math.inf
    onsets = excess.argmax(axis=0)
    total = _log_total(excess)
    rows = state.rows
    for flat in np.argsort(-total, axis=None, kind="stable"):
        place, kind = divmod(int(flat), len(KINDS))
        if total[place, kind] == -math.inf:
            return
        onset = int(onsets[place, kind])
        threshold = float(thresholds[onset, 0, kind])
        yield Change(
            columns[place].name,
            KINDS[kind],
            float(total[place, kind]) + threshold,
            threshold,
            onset,
            state.times[onset],
            int(rows[onset]),
        )


def _pair_changes(
    detector: Detector, state: State, after: Mapping[Process, int]
) -> Iterator[Change]:
    if detector.pairs is None:
        return
    evidence, thresholds = pair_excess(detector, state, state.window())
    excess = evidence - thresholds
    names = detector.pairs.reference.names
    starts, rows = np.array(state.starts), state.rows
    for (name, restarted), first in after.items():
        if restarted == PAIR and name in names:
            excess[starts < first, names.index(name)] = -math.inf
    onsets, total = excess.argmax(axis=0), _log_total(excess)
    for pair in np.argsort(-total, kind="stable"):
        if total[pair] == -math.inf:
            return
        onset = int(onsets[pair])
        threshold = float(thresholds[onset, 0])
        yield Change(
            names[pair],
            PAIR,
            float(total[pair]) + threshold,
            threshold,
            onset,
            state.times[onset],
            int(rows[onset]),
        )


def _log_total(excess: Array) -> Array:
    """Return the logarithm of the sum over starts of each e-value times the start's weight.

    At an alarm the sum is at least 1. While nothing has changed, its mean is at most the weights of
    these starts. So the expected number of alarms is at most the sum of all weights, the budget.
    """
    highest = np.maximum(excess.max(axis=0), -1e300)
    with np.errstate(divide="ignore"):
        result: Array = np.log(np.exp(excess - highest).sum(axis=0)) + highest
    return result


def change_size(detector: Detector, counts: Counts, place: int, kind: ChangeKind) -> float:
    """Return the PSI of a shift, or the share of rows of another change.

    Of a pair, at `place` among the pairs, it is the share of rows in which both are alike.
    """
    if kind == PAIR:
        alike, both = (int(number) for number in counts.pairs[:, place])
        return alike / both if both else 0.0
    bins = detector.profile.columns[place]
    if kind == "shift":
        common = common_bins(bins)
        live = column_counts(detector, counts, place)[common]
        reference = np.array(bins.counts, np.int64)[common]
        return population_stability_index(reference, live) if live.sum() else 0.0
    hits, rows = _hits(detector, counts, place, kind)
    return hits / rows if rows else 0.0


def process_place(detector: Detector, feature: str, kind: ChangeKind) -> int:
    """Return the position of a column, or of a pair among the pairs."""
    if kind == PAIR and detector.pairs is not None:
        return detector.pairs.reference.names.index(feature)
    return [bins.name for bins in detector.profile.columns].index(feature)


def pair_sentence(detector: Detector, pair: int, share: float) -> str:
    """Return what has changed about a pair, whose share of rows alike is `share` now."""
    if detector.pairs is None:
        return ""
    before, name = detector.pairs.shares[pair], detector.pairs.reference.names[pair]
    return (
        f"{name} go together otherwise: both are on the same side of their middles in {share:.0%} "
        f"of the rows, in the reference in {before:.0%}"
    )


def column_counts(detector: Detector, counts: Counts, place: int) -> NDArray[np.int64]:
    """Return the counts of the bins of one column."""
    start = detector.firsts[place]
    return counts.values[start : start + detector.profile.columns[place].size]


def new_values(bins: Bins, counts: NDArray[np.int64], rows: int) -> tuple[str, ...]:
    """Return the labels of bins that are empty in the reference and hold more than a few rows."""
    few = rows / 2000
    return tuple(
        label
        for label, before, now in zip(bins.labels, bins.counts, counts, strict=True)
        if now > few and not before and label != "missing"
    )


def _hits(detector: Detector, counts: Counts, place: int, kind: ChangeKind) -> tuple[int, int]:
    """Return the rows with this change, and the rows among which they are."""
    column = column_counts(detector, counts, place)
    match kind:
        case "missing":
            return int(column[-1]), counts.rows
        case "refused":
            return int(counts.refused[place]), counts.rows + counts.refusals
        case _:
            start = detector.firsts[place]
            empty = detector.empty[start : start + len(column)]
            return int(column[empty].sum()), counts.rows


def is_repaired(
    detector: Detector,
    state: State,
    change: Process,
    evidence: Array,
    *,
    drifted: Counts,
    opened: int,
) -> bool:
    """Return whether rows since the alarm are as in the reference again.

    `evidence` is that of `log_evidence` for this state. `drifted` are the counts since the onset at
    the alarm, which was after `opened` looks. The rows since some later start have to be a thousand
    times likelier under the reference than under the drift, and must themselves be no evidence of
    another change of this kind.
    """
    feature, kind = change
    if kind == PAIR:
        return _is_pair_repaired(detector, state, feature, drifted=drifted, opened=opened)
    names = [bins.name for bins in detector.profile.columns]
    place, position = names.index(feature), KINDS.index(kind)
    later = [i for i, start in enumerate(state.starts) if start >= opened]
    if not later:
        return False
    if kind == "shift":
        gain = _shift_gain(detector, state, place, drifted)[later]
    else:
        hits, rows = _hits(detector, drifted, place, kind)
        gain = np.array(
            [_rate_gain(detector, state, i, (place, kind), drifted=hits / rows) for i in later]
        )
    return bool(((gain >= REPAIRED) & (evidence[later, place, position] <= 0)).any())


def _shift_gain(detector: Detector, state: State, place: int, drifted: Counts) -> Array:
    """Return the log likelihood ratio of the reference against the drift, for each start.

    Where whole days are ranked, it is how much the best bet on odd days has lost.
    """
    for index, column in enumerate(detector.days):
        if column.place == place and state.gains is not None:
            lost: Array = -state.gains[:, index].max(axis=1)
            return lost
    for test in detector.shifts:
        if place in test.columns:
            index = int(np.flatnonzero(test.columns == place)[0])
            counts, shares = test.effective(state.window())
            then = drifted.values[test.positions[index]] + 0.5
            null = test.log_null(counts, shares)[:, index]
            gain: Array = null - counts[:, index] @ np.log(then / then.sum())
            return gain
    return np.full(len(state.starts), -math.inf)


def _rate_gain(
    detector: Detector, state: State, start: int, process: tuple[int, ChangeKind], *, drifted: float
) -> float:
    """Return the log likelihood ratio of the tolerated share against that of the drift."""
    place, kind = process
    counts = state.since(start)
    hits, rows = _hits(detector, counts, place, kind)
    test = detector.rates[KINDS.index(kind) - 1]
    usual = float(np.clip(hits / max(rows, 1), test.floors[1, place], test.bounds[1, place]))
    effect = 1.0
    if detector.is_clustered[KINDS.index(kind) - 1, place]:
        effect = float(detector.effects.at(np.array([[rows / state.days[start]]]))[0, place])
    return _share_gain(hits, rows, usual=usual, drifted=drifted) / effect


def _share_gain(hits: float, rows: float, *, usual: float, drifted: float) -> float:
    """Return the log likelihood ratio of one share against another."""
    usual, drifted = (min(max(share, 1e-9), 1 - 1e-9) for share in (usual, drifted))
    return hits * math.log(usual / drifted) + (rows - hits) * math.log((1 - usual) / (1 - drifted))


def _is_pair_repaired(
    detector: Detector, state: State, feature: str, *, drifted: Counts, opened: int
) -> bool:
    tests = detector.pairs
    if tests is None or state.pairs is None or feature not in tests.reference.names:
        return False
    pair = tests.reference.names.index(feature)
    then = change_size(detector, drifted, pair, PAIR)
    evidence, _ = pair_excess(detector, state, state.window())
    for position, start in enumerate(state.starts):
        alike, both = (int(number) for number in state.pairs[position, :, pair])
        if start < opened or not both or evidence[position, pair] > 0:
            continue
        usual = tests.usual(pair, alike / both)
        gain = _share_gain(alike, both, usual=usual, drifted=then) / tests.effects[pair]
        if gain >= REPAIRED:
            return True
    return False
