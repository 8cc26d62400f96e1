"""The drift report for people: which columns drift, no drift seen, or too few rows.

"No drift seen" always names the size of drift that would have been seen by now. Without that size
a reader cannot tell stable data from too little data.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from goldenpath.drift.changes import (
    Change,
    Process,
    change_size,
    changes,
    column_counts,
    new_values,
    pair_sentence,
    process_place,
)
from goldenpath.drift.counting import Counts
from goldenpath.drift.detectable import Detectable, detectable
from goldenpath.drift.distance import (
    Histogram,
    Interval,
    population_stability_index,
    psi_interval,
)
from goldenpath.drift.pairs.pair_reference import MOST_PAIRED
from goldenpath.drift.profile import Bins
from goldenpath.drift.sequential import KINDS, PAIR, Detector, State

DriftAnswer = Literal["drift", "no drift seen", "too few rows"]

LARGE_PSI = 0.25
"""A large shift by convention. While not even this would be seen, there are too few rows."""
FEW_A_DAY = 20
SLOW_EFFECT = 1.5
"""Design effect of a day above which a shift is found clearly later than by the best window."""
RECENT_LOOKS = 20
"""For a column without drift, the index of the rows of this many looks is reported."""


@dataclass(frozen=True, slots=True)
class OpenChange:
    """A process that has alarmed and is not repaired, with the onset as it was at the alarm."""

    feature: str
    kind: str
    since: str


@dataclass(frozen=True, slots=True)
class BinShare:
    """The share of rows in one bin of a column: of the reference, and of the compared rows."""

    label: str
    """The value or the range that the bin holds."""
    reference: float
    now: float


@dataclass(frozen=True, slots=True)
class ColumnReport:
    """The comparison of one feature, or of the score, with the reference."""

    name: str
    kind: str
    psi: Interval | None
    """Of the rows since the onset if the column drifts, else of recent rows; None without rows."""
    evidence: float
    """Natural logarithm of the e-value of the kind of change that is nearest to its alarm."""
    threshold: float
    """Natural logarithm of the e-value at which that kind of change alarms."""
    is_drifting: bool
    changes: tuple[str, ...]
    """The kinds of change that have alarmed."""
    since: str
    """The onset: when its first row arrived. Empty if the column does not drift."""
    new_values: tuple[str, ...]
    """Values that the reference does not have, and now at least 1 in 2,000 rows has."""
    refused: float
    """Share of all requested rows whose value in this column was refused."""
    step: float | None
    """PSI of the rows since the onset against those before it; large for a sudden change."""
    detectable: Detectable
    """The smallest drift that would have been seen by now."""
    bins: tuple[BinShare, ...] = ()
    """Of the same rows as `psi`; empty without rows."""


@dataclass(frozen=True, slots=True)
class DriftVerdict:
    """The drift report of one deployment. Columns with the strongest evidence come first."""

    answer: DriftAnswer
    sentence: str
    rows: int
    looks: int
    evidence: float
    threshold: float
    """Natural logarithms, both, of the process that is nearest to its alarm."""
    columns: tuple[ColumnReport, ...]
    limits: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    """A sentence for each pair of features that goes together otherwise than in the reference."""
    """What the alarm budget does not cover for this reference."""


def drift_verdict(
    detector: Detector,
    state: State,
    *,
    after: Mapping[Process, int] | None = None,
    opened: tuple[OpenChange, ...] = (),
) -> DriftVerdict:
    """Return the drift report of all rows counted so far.

    `after` is that of `changes`. `opened` are the changes that have alarmed.
    """
    found = list(changes(detector, state, after or {}))
    known = detectable(detector, state)
    columns = [
        _column(detector, state, place, found, opened=opened, seen=known[place])
        for place in range(len(detector.profile.columns))
    ]
    columns.sort(key=lambda column: (not column.is_drifting, column.threshold - column.evidence))
    pairs = _pairs(detector, state, found, opened)
    answer: DriftAnswer = "drift" if pairs else _answer(detector, state, columns)
    nearest = found[0] if found else None
    return DriftVerdict(
        answer=answer,
        sentence=_sentence(answer, columns, tuple(pairs)),
        rows=int(state.rows.max(initial=0)),
        looks=state.looks,
        evidence=nearest.evidence if nearest else 0.0,
        threshold=nearest.threshold if nearest else 0.0,
        columns=tuple(columns),
        limits=tuple(limits(detector)),
        pairs=tuple(pairs.values()),
    )


def _pairs(
    detector: Detector, state: State, found: list[Change], opened: tuple[OpenChange, ...]
) -> dict[str, str]:
    """Return a sentence for each pair that has alarmed, by its name."""
    onsets = {c.feature: c.onset for c in found if c.kind == PAIR and c.is_alarm}
    for known in opened:
        if known.kind == PAIR:
            onsets[known.feature] = _onset(state, None, [known])
    result = {}
    for name, onset in onsets.items():
        pair = process_place(detector, name, PAIR)
        share = change_size(detector, state.since(onset), pair, PAIR)
        result[name] = pair_sentence(detector, pair, share)
    return result


def limits(detector: Detector) -> Iterator[str]:
    """Yield what the alarm budget does not cover for this reference, as sentences."""
    profile = detector.profile
    if profile.pairs is not None and profile.pairs.left_out:
        yield (
            f"pairs of the first {MOST_PAIRED} features are compared; "
            f"{profile.pairs.left_out} further features are in no pair"
        )
    if not profile.has_periods:
        yield (
            f"the reference does not show how much its days differ (days known: {profile.days}): "
            f"shifts up to PSI {detector.floor:g} count as usual, and the alarm budget holds for "
            "independent rows only; a column `time` in the reference table mends this"
        )
        return
    if detector.days:
        names = ", ".join(profile.columns[column.place].name for column in detector.days)
        yield (
            f"{names}: some days of the reference differ more than the usual change from day to "
            "day, so a shift is judged by the ranks of whole days; that takes some days, and "
            "one batch alone cannot show it"
        )
    slow = [
        bins.name
        for bins in profile.columns
        if bins.ranked is None and bins.dependence.day_effect > SLOW_EFFECT
    ]
    if slow:
        yield (
            f"{', '.join(slow)}: days of the reference differ from each other, so a shift is found "
            "later than by as many independent rows"
        )
    strong = [
        bins.name
        for bins in profile.columns
        if bins.ranked is None and bins.dependence.day_effect > bins.dependence.day_rows / FEW_A_DAY
    ]
    if strong:
        yield (
            f"{', '.join(strong)}: a day of the reference says as much as fewer than {FEW_A_DAY} "
            "independent rows, so only changes that last for weeks are seen"
        )


def _answer(detector: Detector, state: State, columns: list[ColumnReport]) -> DriftAnswer:
    if any(column.is_drifting for column in columns):
        return "drift"
    limit = max(LARGE_PSI, 2 * detector.floor)
    tested = {detector.profile.columns[place].name for t in detector.shifts for place in t.columns}
    sizes = [size for c in columns if c.name in tested for size in _shift_sizes(c)]
    if not state.starts or any(size is None or size > limit for size in sizes):
        return "too few rows"
    return "no drift seen"


def _shift_sizes(column: ColumnReport) -> tuple[float | None, float | None]:
    return column.detectable.up, column.detectable.down


def _column(
    detector: Detector,
    state: State,
    place: int,
    found: list[Change],
    *,
    opened: tuple[OpenChange, ...],
    seen: Detectable,
) -> ColumnReport:
    bins = detector.profile.columns[place]
    # A pair, or the number of requests, may have the name of a column.
    mine = [change for change in found if change.feature == bins.name and change.kind in KINDS]
    alarmed = [change for change in opened if change.feature == bins.name and change.kind in KINDS]
    is_drifting = bool(alarmed) or any(change.is_alarm for change in mine)
    nearest = mine[0] if mine else None
    onset = _onset(state, nearest, alarmed)
    start = onset if is_drifting else _recent_start(state)
    counts = state.since(start) if state.starts else Counts.zero(detector.profile)
    live = column_counts(detector, counts, place)
    asked = counts.rows + counts.refusals
    kinds = {change.kind for change in alarmed} | {c.kind for c in mine if c.is_alarm}
    return ColumnReport(
        name=bins.name,
        kind=bins.kind,
        psi=_index(bins, live, state, start),
        evidence=nearest.evidence if nearest else 0.0,
        threshold=nearest.threshold if nearest else 0.0,
        is_drifting=is_drifting,
        changes=tuple(sorted(kinds)),
        since=_since(state, onset, alarmed) if is_drifting else "",
        new_values=new_values(bins, live, counts.rows),
        refused=int(counts.refused[place]) / asked if asked else 0.0,
        step=_step(detector, state, onset, place) if is_drifting else None,
        detectable=seen,
        bins=tuple(_shares(bins, live)),
    )


def _shares(bins: Bins, live: Histogram) -> Iterator[BinShare]:
    reference = np.array(bins.counts, np.int64)
    if not live.sum() or not reference.sum():
        return
    before, now = reference / reference.sum(), live / live.sum()
    for label, old, new in zip(bins.labels, before.tolist(), now.tolist(), strict=True):
        # A bin that is empty in both, such as that of missing values, shows nothing.
        if old or new:
            yield BinShare(label, round(old, 6), round(new, 6))


def _onset(state: State, nearest: Change | None, alarmed: list[OpenChange]) -> int:
    """Return the position of the start at the onset; of the first alarm if there was one."""
    if alarmed:
        since = min(change.since for change in alarmed)
        return next((i for i, time in enumerate(state.times) if time_text(time) >= since), 0)
    return nearest.onset if nearest else 0


def _since(state: State, onset: int, alarmed: list[OpenChange]) -> str:
    if alarmed:
        return min(change.since for change in alarmed)
    return time_text(state.times[onset])


def time_text(seconds: int) -> str:
    """Return seconds since 1970 as RFC 3339 in UTC."""
    return f"{np.datetime64(seconds, 's')}Z"


def _recent_start(state: State) -> int:
    ages = [state.looks - start for start in state.starts]
    return next((i for i, age in enumerate(ages) if age <= RECENT_LOOKS), 0)


def _index(bins: Bins, live: Histogram, state: State, start: int) -> Interval | None:
    if not live.sum():
        return None
    effect = bins.dependence.day_effect
    return psi_interval(np.array(bins.counts, np.int64), live, design_effect=effect)


def _step(detector: Detector, state: State, onset: int, place: int) -> float | None:
    whole, since = state.since(0), column_counts(detector, state.since(onset), place)
    before = column_counts(detector, whole, place) - since
    return population_stability_index(before, since) if before.sum() else None


def _sentence(answer: DriftAnswer, columns: list[ColumnReport], pairs: tuple[str, ...]) -> str:
    match answer:
        case "drift":
            names = [_name_with_psi(c) for c in columns if c.is_drifting]
            return "drift in " + ", ".join([*names, *(f"{pair} (pair)" for pair in pairs)])
        case "no drift seen":
            return f"no drift seen; {_worst(columns)}"
        case "too few rows":
            return "too few rows to see even a large drift"


def _worst(columns: list[ColumnReport]) -> str:
    """Return the largest of the drifts that would just have been seen, with its column."""
    sizes = [
        (size, column.name, direction)
        for column in columns
        for size, direction in zip(_shift_sizes(column), ("up", "down"), strict=True)
        if size is not None
    ]
    if not sizes:
        return "shifts are judged by whole days"
    size, name, direction = max(sizes)
    return f"a shift of {name} {direction} by PSI {size:.3f} would have been seen by now"


def _name_with_psi(column: ColumnReport) -> str:
    psi = "" if column.psi is None else f", PSI {column.psi.value:.2f}"
    return f"{column.name} ({', '.join(column.changes)}{psi})"
