"""Evidence that a share of rows has risen: new codes, missing values, refused values.

Such shares are small or zero in the reference. The geometry of distributions hardly sees them, so
each has a process of its own. Under the null hypothesis the share is at most that of the reference
plus a tolerance. The share of the reference itself is known from its rows only, so the null is the
average over its posterior distribution (Jeffreys' prior). Half of the alternatives are below 2 %.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goldenpath.drift.alternatives import log_sum
from goldenpath.drift.distance import gamma_quantile

Array = NDArray[np.float64]

_LEVELS = (0.25, 0.5, 0.75, 0.9, 0.97, 0.99, 0.997, 0.999, 0.9997, 0.9999, 0.99999)
"""Levels up to which the posterior distribution is represented; each by its upper end."""
_RISES = (0.003, 0.006, 0.015, 0.05, 0.2, 0.6)
_FALLS = (0.15, 0.4, 0.9)
COMMON = 0.005
"""Share of the reference above which a fall of the share is tested as well."""
_SMALLEST = 1e-12


@dataclass(frozen=True, slots=True)
class RateReference:
    """What the reference says about one share, in independent rows."""

    hits: float
    rows: float
    prior: float = 0.5
    """Shape that the prior adds: 0.5 is Jeffreys' prior for a rate."""


@dataclass(frozen=True, slots=True, eq=False)
class _Logs:
    """Logarithms of shares, and of what is left of them."""

    hit: Array
    miss: Array

    @classmethod
    def of(cls, shares: Array) -> "_Logs":
        inside = np.clip(shares, _SMALLEST, 1 - _SMALLEST)
        return cls(np.log(inside), np.log1p(-inside))

    def likelihood(self, hits: Array, misses: Array) -> Array:
        """Return the log likelihood of the shares."""
        result: Array = hits * self.hit + misses * self.miss
        return result

    def of_columns(self, places: NDArray[np.intp]) -> "_Logs":
        """Return those of some columns."""
        return _Logs(self.hit[:, :, places], self.miss[:, :, places])


@dataclass(frozen=True, slots=True, eq=False)
class RateTests:
    """The tests of one share in every column; arrays of shape `(parts, columns)`."""

    bounds: Array
    """The largest tolerated share, for each part of the posterior distribution."""
    floors: Array
    """The smallest tolerated share, alike; zero where a fall is no drift."""
    log_masses: Array
    """Logarithm of the probability of each part, shape `(parts,)`."""
    bound_logs: _Logs
    floor_logs: _Logs
    alternative_logs: _Logs

    @classmethod
    def of(
        cls, references: Sequence[RateReference], *, tolerance: float, factor: float
    ) -> "RateTests":
        """Return the tests. A share up to `factor` times the reference, plus `tolerance`, is usual.

        A fall is tested as well where the reference has a share of more than `COMMON`.
        """
        masses = np.diff([0.0, *_LEVELS])
        masses[-1] += 1 - _LEVELS[-1]
        parts = [_parts(each, tolerance, factor) for each in references]
        bounds, floors, alternatives = (np.stack(each, axis=1) for each in zip(*parts, strict=True))
        logs = [_Logs.of(shares[:, None]) for shares in (bounds, floors, alternatives)]
        return cls(bounds, floors, np.log(masses), *logs)

    def of_columns(self, places: NDArray[np.intp]) -> "RateTests":
        """Return the tests of some columns."""
        logs = (self.bound_logs, self.floor_logs, self.alternative_logs)
        return RateTests(
            self.bounds[:, places],
            self.floors[:, places],
            self.log_masses,
            *(each.of_columns(places) for each in logs),
        )

    def evidence(self, hits: Array, rows: Array) -> Array:
        """Return the log e-values, shape `(starts, columns)`; counts need not be whole.

        Of a column without hits it is an upper bound below zero, which costs much less.
        """
        has_any = hits.any(axis=0) | self.floors.any(axis=0)
        if has_any.all():
            return self._evidence(hits, rows)
        result: Array = rows * self.alternative_logs.miss.max(axis=0)
        places = np.flatnonzero(has_any)
        result[:, places] = self.of_columns(places)._evidence(hits[:, places], rows[:, places])
        return result

    def _evidence(self, hits: Array, rows: Array) -> Array:
        misses = np.maximum(rows - hits, 0.0)
        share = np.divide(hits, rows, out=np.zeros_like(hits), where=rows > 0)
        # The likelihood falls on both sides of the observed share: the best share within the bounds
        # is this one, or the bound that it is beyond.
        null = np.where(
            share > self.bounds[:, None],
            self.bound_logs.likelihood(hits, misses),
            _Logs.of(share).likelihood(hits, misses),
        )
        if self.floors.any():
            lowest = self.floor_logs.likelihood(hits, misses)
            null = np.where(share < self.floors[:, None], lowest, null)
        null += self.log_masses[:, None, None]
        alternative = self.alternative_logs.likelihood(hits, misses)
        return log_sum(alternative) - math.log(len(alternative)) - log_sum(null)


def _parts(reference: RateReference, tolerance: float, factor: float) -> tuple[Array, Array, Array]:
    """Return tolerated bounds, floors and alternatives of one column."""
    hits, rows, shape = reference.hits, reference.rows, reference.hits + reference.prior
    highest = np.array([gamma_quantile(level, shape) for level in _LEVELS]) / rows
    bounds = np.minimum(highest * factor + tolerance, 1 - 1e-9)
    middle = float(bounds[1])
    rises = middle + (1 - middle) * np.array(_RISES)
    if hits / rows <= COMMON:
        # Each rise stands twice instead of the falls, so that all columns have one shape.
        return bounds, np.zeros_like(bounds), np.array([*rises, *rises[: len(_FALLS)]])
    lowest = np.array([gamma_quantile(1 - level, shape) for level in _LEVELS]) / rows
    floors = np.clip(lowest / factor - tolerance, 0.0, bounds)
    return bounds, floors, np.array([*rises, *(hits / rows * (1 - np.array(_FALLS)))])
