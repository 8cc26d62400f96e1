"""Distances between two samples that are counted over the same bins. Reports show them.

None of them decides whether there is drift. With many rows they are large for differences that do
not matter; with few rows they miss real ones. `goldenpath.drift.sequential` decides.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from goldenpath.errors import InvalidInput

Histogram = NDArray[np.int64]
Shares = NDArray[np.float64]

_NORMAL = NormalDist()
_MANY = 100
"""Shape of a gamma distribution above which an approximation is exact enough."""


def shares(counts: Histogram) -> Shares:
    """Return the share of each bin. Half a count is added to each bin, so that none is zero."""
    smoothed = counts + 0.5
    result: Shares = smoothed / smoothed.sum()
    return result


def population_stability_index(reference: Histogram, live: Histogram) -> float:
    """Return the population stability index of two samples binned alike, in nats, 0 or more.

    Raises `InvalidInput` if the shapes differ or a sample is empty.
    Source: Yurdakul, Statistical Properties of Population Stability Index (2018).
    """
    if reference.shape != live.shape:
        raise InvalidInput(
            f"the samples are binned differently: {reference.shape} and {live.shape}"
        )
    if not reference.sum() or not live.sum():
        raise InvalidInput("a sample is empty: expected at least one row in each")
    p, q = shares(reference), shares(live)
    return float(np.sum((q - p) * np.log(q / p)))


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and its confidence interval."""

    value: float
    low: float
    high: float


def psi_interval(
    reference: Histogram, live: Histogram, *, design_effect: float = 1.0, level: float = 0.95
) -> Interval:
    """Return the index of two samples, with an interval for the index of their distributions.

    `value` is the index of the samples. Noise alone makes it larger than zero; the bounds allow
    for that. A row counts as `1 / design_effect` independent rows.
    Source: Yurdakul (2018): the index divided by `1/n + 1/m` is asymptotically noncentral
    chi-squared with bins - 1 degrees of freedom. We use the first two moments.
    """
    value = population_stability_index(reference, live)
    scale = design_effect * (1 / int(reference.sum()) + 1 / int(live.sum()))
    freedom = max(int(np.count_nonzero(reference + live)) - 1, 1)
    excess = max(value / scale - freedom, 0.0)
    width = _NORMAL.inv_cdf((1 + level) / 2) * math.sqrt(2 * (freedom + 2 * excess))
    return Interval(value, max(excess - width, 0.0) * scale, (excess + width) * scale)


def chi_squared_quantile(probability: float, degrees: float) -> float:
    """Return the quantile of a chi-squared distribution (Wilson and Hilferty, PNAS 17, 1931)."""
    spread = 2 / (9 * degrees)
    cube = 1 - spread + _NORMAL.inv_cdf(probability) * math.sqrt(spread)
    return float(degrees * max(cube, 0.0) ** 3)


@lru_cache(maxsize=10_000)
def gamma_quantile(probability: float, shape: float) -> float:
    """Return the quantile of a gamma distribution with scale 1, by bisection of its series."""
    if shape > _MANY:
        return chi_squared_quantile(probability, 2 * shape) / 2
    low, high = 0.0, shape + 20 * math.sqrt(shape) + 40
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _gamma_below(middle, shape) < probability else (low, middle)
    return high


def _gamma_below(x: float, shape: float) -> float:
    """Return the regularised lower incomplete gamma function. Source: DLMF 8.11.4."""
    if x <= 0:
        return 0.0
    if x > shape + 12 * math.sqrt(shape) + 30:
        return 1.0
    term = math.exp(shape * math.log(x) - x - math.lgamma(shape + 1))
    total, divisor = term, shape
    while term > total * 1e-16:
        divisor += 1
        term *= x / divisor
        total += term
    return min(total, 1.0)
