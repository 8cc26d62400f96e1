"""The calibration of a release: how often each score came true on rows that it was not trained on.

Scores are counted in bins of 0.001, whose counts add up over replicas, hours and slices. The rate
of a bin follows from beta calibration (Kull, Silva Filho and Flach, AISTATS 2017): a logistic
regression of the outcomes on ln(s) and -ln(1 - s), fitted to the bins by Newton's method.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goldenpath.errors import InvalidInput

Floats = NDArray[np.float64]

WIDTH = 0.001
"""Width of a bin of scores."""
MIN_ROWS = 200
"""Fewest labelled rows from which a calibration is taken."""
_AS_IT_IS = np.array([1.0, 1.0, 0.0])
_PENALTY = 0.01
"""Keeps the fit finite where the scores separate the outcomes: it pulls towards the scores."""
_ROUNDS = 100
_LONGEST = 2.0
_EXACT = 1e-10
_STEEPEST = 35.0
"""Log-odds beyond which a rate is 0 or 1 in double precision."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoreGrid:
    """Bins of scores in [0, 1] with edges at every 0.001 and at each cut-off."""

    edges: Floats
    """Rising, from 0 to 1; a bin has its lower edge and not its upper one, the last has both."""

    @classmethod
    def of(cls, cuts: Sequence[float]) -> "ScoreGrid":
        """Return the grid for these cut-offs."""
        steps = np.arange(round(1 / WIDTH) + 1) * WIDTH
        inner = [cut for cut in cuts if 0 < cut < 1]
        edges = np.unique(np.round(np.concatenate([steps, np.array(inner, float)]), 12))
        return cls(np.clip(edges, 0.0, 1.0))

    @property
    def middles(self) -> Floats:
        """The middle of each bin."""
        middles: Floats = (self.edges[1:] + self.edges[:-1]) / 2
        return middles

    def counts(self, scores: Floats, weights: Floats | None = None) -> Floats:
        """Return the rows, or the sum of `weights`, of each bin, without scores outside [0, 1].

        Rounding to 12 decimals puts a score that equals a cut-off into the bin above it.
        """
        inside = (scores >= 0) & (scores <= 1)
        places = self._places(scores[inside])
        chosen = None if weights is None else weights[inside]
        return np.bincount(places, weights=chosen, minlength=len(self.edges) - 1).astype(float)

    def rates_at(self, rates: Floats, scores: Floats) -> Floats:
        """Return the rate of the bin of each score, which must be in [0, 1]."""
        chosen: Floats = rates[self._places(scores)]
        return chosen

    def _places(self, scores: Floats) -> NDArray[np.int64]:
        rounded = np.round(scores.astype(np.float64), 12)
        places = np.searchsorted(self.edges, rounded, side="right") - 1
        return np.minimum(places, len(self.edges) - 2)


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """How often the outcome is 1, as a function of the score."""

    grid: ScoreGrid
    coefficients: Floats
    """Of ln(s), of -ln(1 - s), and the intercept; (1, 1, 0) takes every score as it is."""
    covariance: Floats
    """Of the coefficients, robust against a wrong form (White 1982)."""
    rows: int
    """Number of labelled rows that it was fitted to."""

    @classmethod
    def of(cls, scores: Floats, targets: Floats, cuts: Sequence[float]) -> "Calibration":
        """Return the calibration on these rows. Raises `InvalidInput` if they are too few."""
        if len(scores) < MIN_ROWS or not 0 < targets.sum() < len(targets):
            raise InvalidInput(
                f"the calibration has {len(scores)} rows with {targets.sum():.0f} positive "
                f"outcomes: expected at least {MIN_ROWS} rows with both outcomes"
            )
        grid = ScoreGrid.of(cuts)
        rows, positives = grid.counts(scores), grid.counts(scores, targets)
        design = _design(grid.middles)
        coefficients = _fit(design, rows, positives)
        rates = _sigmoid(design @ coefficients)
        bend = _bend(design, rows, rates)
        # Each row's squared gradient, summed over the rows of a bin.
        noise = positives * (1 - rates) ** 2 + (rows - positives) * rates**2
        inverse = np.linalg.inv(bend)
        covariance = inverse @ ((design * noise[:, None]).T @ design) @ inverse
        return cls(grid, coefficients, covariance, len(scores))

    @property
    def rates(self) -> Floats:
        """The probability of the outcome 1 in each bin."""
        return _sigmoid(_design(self.grid.middles) @ self.coefficients)

    def sampled_rates(self, draw: np.random.Generator, number: int) -> Floats:
        """Return `number` rates of each bin, drawn from what the labelled rows leave open."""
        drawn = draw.multivariate_normal(self.coefficients, self.covariance, number)
        return _sigmoid(drawn @ _design(self.grid.middles).T)

    def error_of_odds(self, scores: Floats) -> float:
        """Return the median standard error of the log-odds at these scores."""
        design = _design(np.clip(scores, WIDTH / 2, 1 - WIDTH / 2))
        variances = np.einsum("ij,jk,ik->i", design, self.covariance, design)
        return float(np.sqrt(np.median(variances)))


def _design(scores: Floats) -> Floats:
    columns: Floats = np.stack([np.log(scores), -np.log1p(-scores), np.ones_like(scores)], axis=1)
    return columns


def _sigmoid(odds: Floats) -> Floats:
    rates: Floats = 1 / (1 + np.exp(-np.clip(odds, -_STEEPEST, _STEEPEST)))
    return rates


def _bend(design: Floats, rows: Floats, rates: Floats) -> Floats:
    """Return the curvature of the penalised log-likelihood."""
    weighted = design * (rows * rates * (1 - rates))[:, None]
    bend: Floats = weighted.T @ design + _PENALTY * np.eye(design.shape[1])
    return bend


def _fit(design: Floats, rows: Floats, positives: Floats) -> Floats:
    coefficients = _AS_IT_IS.copy()
    for _ in range(_ROUNDS):
        rates = _sigmoid(design @ coefficients)
        slope = design.T @ (positives - rows * rates) - _PENALTY * (coefficients - _AS_IT_IS)
        step = np.linalg.solve(_bend(design, rows, rates), slope)
        # Long steps overshoot where nearly all rates are 0 or 1.
        coefficients = coefficients + step * min(1.0, _LONGEST / (np.abs(step).max() + 1e-300))
        if np.abs(step).max() < _EXACT:
            break
    return coefficients
