"""What is said to people: drift and where, no drift seen, or too few rows to say.

"No drift seen" always comes with the size of drift that would have been seen by now; without it
the sentence means nothing.
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
from goldenpath.drift.sequential import Detector, DriftEvidence, State, weigh

Answer = Literal["drift", "no drift seen", "too few rows"]

TELLING_PSI = 0.25
"""A shift that is large by convention: while not even that would be seen, rows are too few."""
SHOWN_LOOKS = 20
"""Looks over which the index of a column without drift is shown."""


@dataclass(frozen=True, slots=True)
class ColumnReport:
    """One feature, or the score, against the reference."""

    name: str
    kind: str
    psi: Interval | None
    """Since the onset if it drifted, else over recent looks; None without rows."""
    evidence: float
    """Natural logarithm of the e-value."""
    is_drifting: bool
    since: str
    """Arrival of the first row from which on the evidence is largest; empty if it did not drift."""
    new_values: tuple[str, ...]
    """Bins that the reference never saw and that now hold more than 0.5 % of the rows."""
    step: float | None
    """PSI of what came since the onset against what came before it: sudden, or slow?"""
    detectable_psi: float
    """About the smallest shift that would have been seen by now."""


@dataclass(frozen=True, slots=True)
class DriftVerdict:
    """The answer about one deployment, its columns with the strongest evidence first."""

    answer: Answer
    sentence: str
    rows: int
    looks: int
    evidence: float
    threshold: float
    """Both as natural logarithms; there is an alarm where the evidence reaches the threshold."""
    columns: tuple[ColumnReport, ...]


def judge(detector: Detector, state: State) -> DriftVerdict:
    """Weighs what was counted so far and puts it into words."""
    evidence = weigh(detector, state)
    columns = sorted(
        (
            _column(detector, state, evidence, position, bins, place)
            for position, (bins, place) in enumerate(detector.profile.slices())
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
) -> Answer:
    if evidence.is_alarm:
        return "drift"
    telling = max(TELLING_PSI, 4 * float(detector.radius.max()))
    if not state.starts or max(column.detectable_psi for column in columns) > telling:
        return "too few rows"
    return "no drift seen"


def _column(
    detector: Detector,
    state: State,
    evidence: DriftEvidence,
    position: int,
    bins: Bins,
    place: slice,
) -> ColumnReport:
    log_evidence = float(evidence.columns[position])
    # A column counts as drifting if it alone would have raised the average to the threshold.
    needed = math.log(detector.threshold * len(detector.profile.columns))
    is_drifting = evidence.is_alarm and log_evidence >= min(needed, float(evidence.columns.max()))
    onset = int(evidence.onset[position])
    shown = onset if is_drifting else _recent(state)
    reference = np.array(bins.counts, np.int64)
    counts = state.since(shown).values[place] if state.starts else np.zeros(bins.size, np.int64)
    return ColumnReport(
        name=bins.name,
        kind=bins.kind,
        psi=_index(detector, reference, counts),
        evidence=log_evidence,
        is_drifting=is_drifting,
        since=state.times[onset] if is_drifting else "",
        new_values=_new_values(bins, counts),
        step=_step(state, onset, place) if is_drifting else None,
        detectable_psi=_detectable(detector, state, position),
    )


def _recent(state: State) -> int:
    ages = [state.looks - start for start in state.starts]
    return next((i for i, age in enumerate(ages) if age <= SHOWN_LOOKS), 0)


def _index(detector: Detector, reference: Histogram, counts: Histogram) -> Interval | None:
    if not counts.sum():
        return None
    return psi_interval(reference, counts, design_effect=detector.profile.design_effect)


def _new_values(bins: Bins, counts: Histogram) -> tuple[str, ...]:
    # Of any continuous feature a few rows lie beyond the largest value of the reference.
    few = ATOM_SHARE * counts.sum()
    return tuple(
        label
        for label, before, now in zip(bins.labels, bins.counts, counts, strict=True)
        if now > few and not before
    )


def _step(state: State, onset: int, place: slice) -> float | None:
    whole: Counts = state.since(0)
    since = state.since(onset).values[place]
    before = whole.values[place] - since
    return population_stability_index(before, since) if before.sum() else None


def _detectable(detector: Detector, state: State, position: int) -> float:
    """Size at which the evidence of all rows since the oldest start would reach the threshold.

    Locally, evidence grows by `rows (sqrt(kl) - sqrt(radius))^2`; the mixture costs the logarithm
    of its number of alternatives.
    """
    rows = max(state.rows, default=0) / detector.profile.design_effect
    if not rows:
        return math.inf
    alternatives = 2 * detector.tilts[position].shape[1]
    needed = math.log(detector.threshold * len(detector.profile.columns) * alternatives)
    return 2 * (math.sqrt(float(detector.radius[position])) + math.sqrt(needed / rows)) ** 2


def _sentence(answer: Answer, columns: list[ColumnReport]) -> str:
    match answer:
        case "drift":
            return "drift in " + ", ".join(_named(c) for c in columns if c.is_drifting)
        case "no drift seen":
            size = max(column.detectable_psi for column in columns)
            return f"no drift seen; about PSI {size:.2f} in any column would have been seen by now"
        case "too few rows":
            return "too few rows to see even a large drift"


def _named(column: ColumnReport) -> str:
    psi = "" if column.psi is None else f" (PSI {column.psi.value:.2f})"
    return f"{column.name}{psi}"
