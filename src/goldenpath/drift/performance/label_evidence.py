"""Evidence from labels that a release is no longer calibrated, valid at every look.

Each label is compared with the probability that the calibration gave it. A test martingale for each
of several shifts of the log-odds bets on that shift; their mean is the evidence. Source: Shafer,
Testing by betting (JRSS A 2021); Waudby-Smith and Ramdas, Estimating means of bounded random
variables by betting (JRSS B 2024). By Ville's inequality it ever reaches `LIMIT` with a
probability of at most 1 / `LIMIT`, as long as the log-odds of every label are within `tolerance` of
the calibration's: the likelihood ratio of a shift upwards against the tolerance rises with the
outcome, so it is largest in the mean at the edge of the tolerance, where it is a martingale.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LIMIT = 20.0
"""Evidence at which broken calibration is reported; a false report has at most 5 %."""
SHIFTS = (-1.0, -0.5, -0.25, 0.25, 0.5, 1.0)
"""Shifts of the log-odds on which is bet, beyond the tolerance."""
_EDGE = 1e-6
"""Probabilities are kept this far from 0 and 1, so that one label cannot decide alone."""


@dataclass
class LabelEvidence:
    """The evidence so far, for labels in the order in which they became known."""

    tolerance: float
    """How far the log-odds may be from the calibration's, at least 0."""
    labels: int = 0
    positives: int = 0
    expected: float = 0.0
    """Sum of the probabilities of the labels."""
    flagged_at: int = 0
    """The number of labels at which the evidence first reached the limit; 0: never."""
    _logs: Floats = field(default_factory=lambda: np.zeros(len(SHIFTS)))

    def add(self, probabilities: Floats, targets: Floats) -> None:
        """Take labels in their order: the probability of 1 for each, and the outcome, 0 or 1."""
        if not len(targets):
            return
        steps = np.stack([_gains(probabilities, targets, self.tolerance, s) for s in SHIFTS])
        paths = self._logs[:, None] + np.cumsum(steps, axis=1)
        evidence = _mean_of_exponentials(paths)
        reached = np.flatnonzero(evidence >= np.log(LIMIT))
        if not self.flagged_at and len(reached):
            self.flagged_at = self.labels + int(reached[0]) + 1
        self._logs = paths[:, -1]
        self.labels += len(targets)
        self.positives += int(targets.sum())
        self.expected += float(probabilities.sum())

    @property
    def value(self) -> float:
        """The evidence now; 1 with no labels."""
        return float(np.exp(min(_mean_of_exponentials(self._logs[:, None])[0], 700.0)))

    @property
    def is_broken(self) -> bool:
        """Whether the limit was ever reached."""
        return self.flagged_at > 0


def _gains(probabilities: Floats, targets: Floats, tolerance: float, shift: float) -> Floats:
    """Return for each label the log of its likelihood ratio, shifted against the tolerance."""
    clipped = np.clip(probabilities, _EDGE, 1 - _EDGE)
    odds = np.log(clipped) - np.log1p(-clipped)
    edge = odds + np.copysign(tolerance, shift)
    gains: Floats = _log_likelihood(edge + shift, targets) - _log_likelihood(edge, targets)
    return gains


def _log_likelihood(odds: Floats, targets: Floats) -> Floats:
    values: Floats = targets * odds - np.logaddexp(0.0, odds)
    return values


def _mean_of_exponentials(paths: Floats) -> Floats:
    """Return the log of the mean over the shifts, for each column."""
    highest = paths.max(axis=0)
    logs: Floats = highest + np.log(np.exp(paths - highest).mean(axis=0))
    return logs
