"""The drift report for people: which columns drift, no drift seen, or too few rows.

"No drift seen" always names the size of drift that would have been seen by now. Without that size
a reader cannot tell stable data from too little data.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from goldenpath.drift.distance import (
    Histogram,
    Interval,
    population_stability_index,
    psi_interval,
)
from goldenpath.drift.profile import ATOM_SHARE, Bins, Counts
from goldenpath.drift.sequential import Detector, DriftEvidence, State, drift_evidence

DriftAnswer = Literal["drift", "no drift seen", "too few rows"]

LARGE_PSI = 0.25
"""A large shift by convention. While not even this would be seen, there are too few rows."""
RECENT_LOOKS = 20
"""For a column without drift, the index of the rows of this many looks is reported."""


@dataclass(frozen=True, slots=True)
class ColumnReport:
    """The comparison of one feature, or of the score, with the reference."""

    name: str
    kind: str
    psi: Interval | None
    """Of the rows since the onset if the column drifts, else of recent rows; None without rows."""
    evidence: float
    """Natural logarithm of the e-value."""
    is_drifting: bool
    since: str
    """The onset: when its first row arrived. Empty if the column does not drift."""
    new_values: tuple[str, ...]
    """Bins that are empty in the reference and now hold more than 0.5 % of the rows."""
    step: float | None
    """PSI of the rows since the onset against those before it; large for a sudden change."""
    detectable_psi: float
    """The smallest shift that would have been seen by now, approximately."""


@dataclass(frozen=True, slots=True)
class DriftVerdict:
    """The drift report of one deployment. Columns with the strongest evidence come first."""

    answer: DriftAnswer
    sentence: str
    rows: int
    looks: int
    evidence: float
    threshold: float
    """Natural logarithms, both. There is an alarm once the evidence reaches the threshold."""
    columns: tuple[ColumnReport, ...]


def drift_verdict(detector: Detector, state: State) -> DriftVerdict:
    """Return the drift report of all rows counted so far."""
    evidence = drift_evidence(detector, state)
    columns = sorted(
        (
            _column(detector, state, evidence, position, bins=bins, bin_range=bin_range)
            for position, (bins, bin_range) in enumerate(detector.profile.slices())
        ),
        key=lambda column: -column.evidence,
    )
    answer = _answer(detector, state, evidence, columns)
    return DriftVerdict(
        answer=answer,
        sentence=_sentence(answer, columns),
        rows=max(state.rows, default=0),
        looks=state.looks,
        evidence=evidence.total,
        threshold=math.log(detector.threshold),
        columns=tuple(columns),
    )


def _answer(
    detector: Detector, state: State, evidence: DriftEvidence, columns: list[ColumnReport]
) -> DriftAnswer:
    if evidence.is_alarm:
        return "drift"
    # `detectable_psi` is never below twice the radius, so the limit must be larger than that.
    limit = max(LARGE_PSI, 4 * float(detector.radius.max()))
    if not state.starts or max(column.detectable_psi for column in columns) > limit:
        return "too few rows"
    return "no drift seen"


def _column(
    detector: Detector,
    state: State,
    evidence: DriftEvidence,
    position: int,
    *,
    bins: Bins,
    bin_range: slice,
) -> ColumnReport:
    log_evidence = float(evidence.columns[position])
    # A column counts as drifting if it alone would have raised the average to the threshold.
    # If no column would have, the one with the strongest evidence is named.
    needed = math.log(detector.threshold * len(detector.profile.columns))
    is_drifting = evidence.is_alarm and log_evidence >= min(needed, float(evidence.columns.max()))
    onset = int(evidence.onset[position])
    start = onset if is_drifting else _recent_start(state)
    reference = np.array(bins.counts, np.int64)
    counts = state.since(start).values[bin_range] if state.starts else np.zeros_like(reference)
    return ColumnReport(
        name=bins.name,
        kind=bins.kind,
        psi=_index(detector, reference, counts),
        evidence=log_evidence,
        is_drifting=is_drifting,
        since=state.times[onset] if is_drifting else "",
        new_values=_new_values(bins, counts),
        step=_step(state, onset, bin_range) if is_drifting else None,
        detectable_psi=_detectable_psi(detector, state, position),
    )


def _recent_start(state: State) -> int:
    ages = [state.looks - start for start in state.starts]
    return next((i for i, age in enumerate(ages) if age <= RECENT_LOOKS), 0)


def _index(detector: Detector, reference: Histogram, counts: Histogram) -> Interval | None:
    if not counts.sum():
        return None
    return psi_interval(reference, counts, design_effect=detector.profile.design_effect)


def _new_values(bins: Bins, counts: Histogram) -> tuple[str, ...]:
    # A few rows of any continuous feature lie beyond the reference's largest value: not news.
    few = ATOM_SHARE * counts.sum()
    return tuple(
        label
        for label, before, now in zip(bins.labels, bins.counts, counts, strict=True)
        if now > few and not before
    )


def _step(state: State, onset: int, bin_range: slice) -> float | None:
    whole: Counts = state.since(0)
    since = state.since(onset).values[bin_range]
    before = whole.values[bin_range] - since
    return population_stability_index(before, since) if before.sum() else None


def _detectable_psi(detector: Detector, state: State, position: int) -> float:
    """Return the PSI whose evidence would reach the threshold with all rows kept so far.

    For small shifts the evidence grows by `rows (sqrt(kl) - sqrt(radius))^2`. The mixture costs the
    logarithm of its number of alternatives.
    """
    rows = max(state.rows, default=0) / detector.profile.design_effect
    if not rows:
        return math.inf
    alternatives = 2 * detector.tilts[position].shape[1]
    needed = math.log(detector.threshold * len(detector.profile.columns) * alternatives)
    return 2 * (math.sqrt(float(detector.radius[position])) + math.sqrt(needed / rows)) ** 2


def _sentence(answer: DriftAnswer, columns: list[ColumnReport]) -> str:
    match answer:
        case "drift":
            return "drift in " + ", ".join(_name_with_psi(c) for c in columns if c.is_drifting)
        case "no drift seen":
            size = max(column.detectable_psi for column in columns)
            return f"no drift seen; about PSI {size:.2f} in any column would have been seen by now"
        case "too few rows":
            return "too few rows to see even a large drift"


def _name_with_psi(column: ColumnReport) -> str:
    psi = "" if column.psi is None else f" (PSI {column.psi.value:.2f})"
    return f"{column.name}{psi}"
