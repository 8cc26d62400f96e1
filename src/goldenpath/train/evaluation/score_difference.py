"""Whether a model scores its training rows differently from rows that it has not seen.

An overfitted model does. Its training rows are then no reference for live scores: each healthy day
would look like drift.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goldenpath.drift.distance import population_stability_index

Floats = NDArray[np.float64]

LEVEL = 1e-3
"""Largest chance of this difference for a model that treats both alike."""
BINS = 10


@dataclass(frozen=True, slots=True)
class ScoreDifference:
    """The difference between the scores of training rows and of evaluation rows."""

    distance: float
    """Largest difference of the two distribution functions (Kolmogorov and Smirnov)."""
    chance: float
    """Approximate chance of such a distance if the model treats both alike."""
    psi: float
    """The population stability index over deciles of the training scores, in nats."""

    @property
    def is_shown(self) -> bool:
        """Whether the scores differ beyond doubt."""
        return self.chance < LEVEL

    @property
    def sentence(self) -> str:
        """The difference in words."""
        numbers = f"PSI {self.psi:.3f}, largest distance {self.distance:.3f}"
        if not self.is_shown:
            return f"scores of training and evaluation rows do not differ beyond chance ({numbers})"
        return (
            "the model scores its training rows differently from rows that it has not seen "
            f"({numbers}): it is overfitted, or the rows are of two kinds; the drift reference has "
            "the scores of the evaluation rows"
        )


def score_difference(trained: Floats, unseen: Floats) -> ScoreDifference:
    """Return the difference of two samples of scores.

    Source: Stephens, Use of the Kolmogorov-Smirnov statistics without extensive tables (1970).
    """
    first, second = np.sort(trained), np.sort(unseen)
    both = np.concatenate([first, second])
    shares = [np.searchsorted(each, both, side="right") / len(each) for each in (first, second)]
    distance = float(np.abs(shares[0] - shares[1]).max())
    root = math.sqrt(len(first) * len(second) / (len(first) + len(second)))
    scaled = (root + 0.12 + 0.11 / root) * distance
    terms = (2 * (-1) ** (k - 1) * math.exp(-2 * k * k * scaled * scaled) for k in range(1, 101))
    chance = 1.0 if scaled < 0.2 else min(max(sum(terms), 0.0), 1.0)
    edges = np.unique(np.quantile(first, np.arange(1, BINS) / BINS))
    counts = [
        np.bincount(np.searchsorted(edges, each, side="left"), minlength=len(edges) + 1)
        for each in (first, second)
    ]
    return ScoreDifference(distance, chance, population_stability_index(counts[0], counts[1]))
