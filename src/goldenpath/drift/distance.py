"""How far two samples are apart, from counts over the same bins: numbers for the eye.

None of these decides: with many rows any of them finds a difference that does not matter, with few
rows it finds none. The decision is made by `goldenpath.drift.sequential`.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from goldenpath.errors import InvalidInput

Histogram = NDArray[np.int64]
Shares = NDArray[np.float64]

_NORMAL = NormalDist()


def shares(counts: Histogram) -> Shares:
    """Share of each bin, with half a count added to each so that none is zero."""
    smoothed = counts + 0.5
    result: Shares = smoothed / smoothed.sum()
    return result


def population_stability_index(reference: Histogram, live: Histogram) -> float:
    """Population stability index of two samples binned alike, in nats, 0 or more.

    Raises `InvalidInput` if the shapes differ or a sample is empty.
    Source: Yurdakul, Statistical Properties of Population Stability Index (2018).
    """
    p, q = _both(reference, live)
    return float(np.sum((q - p) * np.log(q / p)))


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with the bounds of its interval."""

    value: float
    low: float
    high: float


def psi_interval(
    reference: Histogram, live: Histogram, *, design_effect: float = 1.0, level: float = 0.95
) -> Interval:
    """The index of the samples, and an interval for that of the two laws behind them.

    `value` is the usual index, which noise alone makes larger than zero; the bounds allow for that.
    Over `1/n + 1/m` the index is asymptotically noncentral chi-squared with bins - 1 degrees of
    freedom (Yurdakul 2018), here by its first two moments; rows count for `1 / design_effect`.
    """
    value = population_stability_index(reference, live)
    scale = design_effect * (1 / int(reference.sum()) + 1 / int(live.sum()))
    freedom = max(int(np.count_nonzero(reference + live)) - 1, 1)
    excess = max(value / scale - freedom, 0.0)
    width = _NORMAL.inv_cdf((1 + level) / 2) * math.sqrt(2 * (freedom + 2 * excess))
    return Interval(value, max(excess - width, 0.0) * scale, (excess + width) * scale)


def chi_squared_quantile(probability: float, degrees: int) -> float:
    """The value that a chi-squared variable stays below with `probability`.

    Source: Wilson and Hilferty, PNAS 17 (1931).
    """
    spread = 2 / (9 * degrees)
    cube = 1 - spread + _NORMAL.inv_cdf(probability) * math.sqrt(spread)
    return float(degrees * max(cube, 0.0) ** 3)


def _both(reference: Histogram, live: Histogram) -> tuple[Shares, Shares]:
    if reference.shape != live.shape:
        raise InvalidInput(
            f"the samples are binned differently: {reference.shape} and {live.shape}"
        )
    if not reference.sum() or not live.sum():
        raise InvalidInput("a sample is empty: expected at least one row in each")
    return shares(reference), shares(live)
