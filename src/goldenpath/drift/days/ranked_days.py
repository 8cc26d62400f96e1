"""What the days of the reference look like in one column, as numbers that days can be ranked by.

A day is compared with the rows of all other days. One number says how far it is from them in any
way (the mean squared contingency of its bins), one how far its values are moved up. Sampling alone
makes a small day odder than a large one, so every day is cut down to the same number of rows by
drawing without replacement. The draw has a fixed seed, so the same counts give the same number.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

MOST_DRAWN = 10**8
"""Days with more rows are divided first; numpy draws from at most 10^9."""


@dataclass(frozen=True, slots=True)
class RankedDays:
    """The days of the reference in one column. Days with too few rows are left out."""

    rows: int
    """Rows that are drawn from each day."""
    oddness: tuple[float, ...]
    """How far each day is from the others."""
    moves: tuple[float, ...]
    """How far its values are moved up, in standard deviations; 0 in a category."""


def drawn(counts: Whole, rows: int, seed: int) -> Whole:
    """Return the counts of `rows` of the counted rows. There have to be so many."""
    total = int(counts.sum())
    if total <= rows:
        return counts
    if total > MOST_DRAWN:
        counts = counts // (total // MOST_DRAWN + 1)
    random = np.random.default_rng(seed)
    result: Whole = random.multivariate_hypergeometric(counts, min(rows, int(counts.sum())))
    return result


def day_numbers(counts: Whole, expected: Array, scores: Array) -> tuple[float, float]:
    """Return oddness and move of the counts of a day.

    `expected` are the shares of the bins on such a day, and `scores` are the normal scores of the
    bins; zeros in a category.
    """
    shares = counts / max(int(counts.sum()), 1)
    oddness = float(((shares - expected) ** 2 / expected).sum())
    return oddness, float((shares - expected) @ scores)


def day_seed(day: int, place: int) -> int:
    """Return the seed of the draw from a day in a column; it does not depend on the rows."""
    return (day + 1) * 65_537 + place
