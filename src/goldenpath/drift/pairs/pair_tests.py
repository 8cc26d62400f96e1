"""Evidence that two features go together otherwise than in the reference.

The share of rows in which both are on the same side is tested like the other shares (see `rates`):
under the null hypothesis it is within a tolerance of that of the reference, which is a sample as
well. Rows are divided by the design effect of the pair over the days of the reference.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goldenpath.drift.pairs.pair_reference import PairReference
from goldenpath.drift.rates import RateReference, RateTests

Array = NDArray[np.float64]

PAIR_SHARE = 0.1
"""Share of the alarm budget for all pairs together; each has the same."""
TOLERANCE = 0.01
"""A share that differs by so much is usual."""
SNAPSHOT_TOLERANCE = 0.2
"""The same if the reference is from one moment; that is about a PSI of 0.2."""
_NEAR = 6.0
"""Squared standard errors below which a pair is left out of a look, to save time."""


@dataclass(frozen=True, slots=True, eq=False)
class PairTests:
    """The tests of all pairs."""

    reference: PairReference
    rates: RateTests
    shares: Array
    """Share of rows alike in the reference."""
    effects: Array
    log_share: float
    """Logarithm of the share of the budget of one pair."""

    @classmethod
    def of(cls, reference: PairReference, *, has_periods: bool) -> "PairTests":
        """Return the tests. `has_periods`: whether the reference shows how much days differ."""
        alike, both = np.array(reference.alike, np.float64), np.array(reference.both, np.float64)
        effects = np.array(reference.effects)
        known = zip(alike / effects, both / effects, strict=True)
        rates = RateTests.of(
            [RateReference(hits, max(rows, 1.0)) for hits, rows in known],
            tolerance=TOLERANCE if has_periods else SNAPSHOT_TOLERANCE,
            factor=1.0,
        )
        share = math.log(PAIR_SHARE / len(alike))
        return cls(reference, rates, alike / np.maximum(both, 1), effects, share)

    def evidence(self, pairs: Array) -> Array:
        """Return the log e-values, shape `(starts, pairs)`, of counts `(starts, 2, pairs)`.

        They are minus infinity for pairs that are too near to the reference for an alarm, which
        makes a look quick. Leaving them out loses nothing but reports of small evidence.
        """
        alike, both = pairs[:, 0] / self.effects, pairs[:, 1] / self.effects
        result = np.full(alike.shape, -math.inf)
        variance = np.maximum(both * self.shares * (1 - self.shares), 1e-9)
        far = ((alike - both * self.shares) ** 2 / variance).max(axis=0, initial=0.0) > _NEAR
        if far.any():
            chosen = self.rates.of_columns(np.flatnonzero(far))
            result[:, far] = chosen.evidence(alike[:, far], both[:, far])
        return result

    def usual(self, pair: int, share: float) -> float:
        """Return the tolerated share that is nearest to `share`."""
        return float(np.clip(share, self.rates.floors[1, pair], self.rates.bounds[1, pair]))
