"""The performance of each release of a model in a stage, estimated and as labels show it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from goldenpath.drift.performance.calibration import Calibration
from goldenpath.drift.performance.label_evidence import LIMIT, LabelEvidence
from goldenpath.drift.performance.score_metrics import (
    Performance,
    estimated_performance,
    realised_performance,
)
from goldenpath.errors import InvalidInput
from goldenpath.home import Home
from goldenpath.observe.labels.label_store import known_labels, latest
from goldenpath.observe.labels.labelled_scores import ScoredRelease, scored_log
from goldenpath.project.spec import Contract
from goldenpath.train.evaluation.evaluation_rows import Rows

_CERTAIN = 3.09
"""Standard errors of the calibration that count as no change: one-sided 0.1 %."""


@dataclass(frozen=True, slots=True)
class LabelReport:
    """What the labels say about the calibration."""

    labels: int
    positives: int
    expected: float
    """How many positive ones the calibration expected."""
    evidence: float
    """e-value against "calibrated within the tolerance"; the limit is 20."""
    flagged_at: int
    """The number of labels at which the limit was first reached; 0: never."""
    tolerance: float
    """Log-odds by which outcomes may differ from the calibration without being reported."""

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        counted = f"{self.positives} of {self.labels} labels are 1, expected {self.expected:.1f}"
        if self.flagged_at:
            return f"the calibration is broken: {counted}, found at label {self.flagged_at}"
        return (
            f"no broken calibration was found: {counted}, evidence {self.evidence:.2g} of {LIMIT:g}"
        )


@dataclass(frozen=True, slots=True)
class ReleasePerformance:
    """The performance of one release."""

    release: str
    answers: int
    labelled: int
    estimated: tuple[Performance, ...]
    """Without labels, if outcomes given scores are as on the evaluation rows."""
    realised: tuple[Performance, ...]
    """On the labelled answers alone."""
    calibration: LabelReport | None
    notes: tuple[str, ...]
    """Why something is not given."""


@dataclass(frozen=True, slots=True)
class PerformanceReport:
    """Every release that answered in the stage, as known at a time."""

    stage: str
    model: str
    known_at: str
    releases: tuple[ReleasePerformance, ...]
    unmatched: int
    """Labels of predictions that are not in the sealed log."""
    gaps: tuple[str, ...]


def performance_report(
    home: Home,
    stage: str,
    model: str,
    *,
    until: datetime,
    contract_of: Callable[[str], Contract | None],
    rows_of: Callable[[str], Rows | None],
) -> PerformanceReport:
    """Return the report with the labels that were known at `until`.

    `contract_of` opens a release, `rows_of` returns its signed evaluation rows; None: not known.
    """
    labels = latest(known_labels(home.labels, stage, model, until))

    def cuts_of(digest: str) -> tuple[float, ...] | None:
        contract = contract_of(digest)
        return None if contract is None else _cuts(contract)

    log = scored_log(home, stage, model, labels=labels, cuts_of=cuts_of)
    releases = tuple(
        _release(digest, scored, cuts_of(digest) or (), rows_of(digest))
        for digest, scored in log.releases.items()
    )
    matched = sum(each.labelled for each in releases)
    unmatched = len(labels) - matched
    return PerformanceReport(stage, model, until.isoformat(), releases, unmatched, log.gaps)


def _cuts(contract: Contract) -> tuple[float, ...]:
    if contract.task != "probability":
        raise InvalidInput(
            f"labels are compared with probabilities only: {contract.name} has the task "
            f"{contract.task}"
        )
    policy = contract.decision
    return tuple(band.below for band in policy.bands[:-1]) if policy is not None else ()


def _release(
    digest: str, scored: ScoredRelease, cuts: tuple[float, ...], rows: Rows | None
) -> ReleasePerformance:
    labelled = sorted(scored.labelled, key=lambda known: known[0])
    scores = np.array([score for _, score, _ in labelled])
    targets = np.array([label for _, _, label in labelled])
    notes: list[str] = []
    calibration = _calibration(rows, cuts, notes)
    estimated = () if calibration is None else estimated_performance(calibration, scored.rows, cuts)
    realised: Iterator[Performance] = iter(())
    if labelled:
        realised = realised_performance(scored.grid, scores, targets, cuts)
    evidence = None
    if calibration is not None and rows is not None and labelled:
        evidence = _evidence(calibration, rows, scores, targets)
    return ReleasePerformance(
        digest,
        int(scored.rows.sum()),
        len(labelled),
        tuple(estimated),
        tuple(realised),
        evidence,
        tuple(notes),
    )


def _calibration(
    rows: Rows | None, cuts: tuple[float, ...], notes: list[str]
) -> Calibration | None:
    if rows is None:
        notes.append("the evaluation rows of the release are not known: nothing is estimated")
        return None
    try:
        return Calibration.of(rows.score[:, 0], rows.target, cuts)
    except InvalidInput as error:
        notes.append(f"nothing is estimated: {error.message}")
        return None


def _evidence(
    calibration: Calibration,
    rows: Rows,
    scores: np.typing.NDArray[np.float64],
    targets: np.typing.NDArray[np.float64],
) -> LabelReport:
    evidence = LabelEvidence(_CERTAIN * calibration.error_of_odds(rows.score[:, 0]))
    evidence.add(calibration.grid.rates_at(calibration.rates, scores), targets)
    return LabelReport(
        evidence.labels,
        evidence.positives,
        evidence.expected,
        evidence.value,
        evidence.flagged_at,
        evidence.tolerance,
    )
