"""The alternative distributions that the drift detector tests against the reference.

A mixture over all distributions detects slowly. The detector therefore puts half of its weight on
the shapes that drift has in practice: values move up or down, or their spread grows or shrinks. A
quarter is on the growth of one bin, and the rest on all distributions alike.
"""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from goldenpath.drift.profile import Bins

Array = NDArray[np.float64]

_LOCATION = (0.1, 0.2, 0.35, 0.6, 1.0)
_SCALE = (0.06, 0.15, 0.35)
_GROWTH = (0.01, 0.04, 0.15)
_NORMAL = NormalDist()


def tilts(bins: Bins, common: NDArray[np.intp], shares: Array) -> Array:
    """Return the logarithms of factors on the common bins of a column, shape `(n, tilts)`.

    `shares` are the reference shares of these bins. A category has no order, so it has no tilts.
    """
    if bins.kind == "category":
        return np.zeros((len(common), 0))
    scores = _normal_scores(bins, common, shares)
    found = [t * scores for t in _LOCATION] + [t * (scores**2 - 1) for t in _SCALE]
    return np.stack([sign * tilt for tilt in found for sign in (-1, 1)], axis=1)


def log_mixture(counts: Array, shares: Array, tilts: Array) -> Array:
    """Return the log likelihood of the mixture divided by that of `shares`.

    `counts` has shape `(starts, columns, n)` and need not be whole; `shares` has the same shape or
    one that broadcasts to it; `tilts` has shape `(columns, n, tilts)`. The result has shape
    `(starts, columns)`.
    """
    rows = counts.sum(axis=2)
    flat = _log_dirichlet(counts, rows) - (counts * np.log(shares)).sum(axis=2)
    parts = [(0.25, _log_average(_growth(counts, shares, rows))), (0.25, flat)]
    if tilts.shape[2]:
        norms = np.log(np.einsum("scn,cnt->sct", shares, np.exp(tilts)))
        tilted = np.einsum("scn,cnt->sct", counts, tilts, optimize=True) - rows[..., None] * norms
        parts.append((0.5, _log_average(tilted)))
    total = sum(weight for weight, _ in parts)
    return log_sum(np.stack([part + math.log(weight / total) for weight, part in parts]), axis=0)


def _growth(counts: Array, shares: Array, rows: Array) -> Array:
    """Return the log likelihood ratios of `(1 - w) q + w e` for each amount `w` and bin `e`."""
    grown = [
        rows[..., None] * math.log1p(-w) + counts * np.log1p(w / ((1 - w) * shares))
        for w in _GROWTH
    ]
    return np.concatenate(grown, axis=2)


def _log_dirichlet(counts: Array, rows: Array) -> Array:
    """Return the log likelihood when each distribution is as likely, with half a count a bin."""
    size = counts.shape[2]
    result: Array = (
        log_gamma(counts + 0.5).sum(axis=2)
        - size * math.lgamma(0.5)
        + math.lgamma(size / 2)
        - log_gamma(rows + size / 2)
    )
    return result


def _normal_scores(bins: Bins, common: NDArray[np.intp], shares: Array) -> Array:
    """Return the normal score of each bin's middle rank."""
    middles = [(low + high) / 2 for low, high in zip(bins.edges[:-1], bins.edges[1:], strict=True)]
    order = np.argsort(np.array([*bins.atoms, *middles])[common], kind="stable")
    ordered = shares[order]
    ranks = np.cumsum(ordered) - ordered / 2
    scores = np.zeros(len(common))
    scores[order] = [_NORMAL.inv_cdf(min(max(rank, 1e-6), 1 - 1e-6)) for rank in ranks]
    return scores


def log_gamma(x: Array) -> Array:
    """Return ln gamma(x) for x > 0, to about 1e-9, by Stirling's series at x + 4."""
    product = x * (x + 1) * (x + 2) * (x + 3)
    y = x + 4
    inverse = 1 / (y * y)
    series = (1 / 12 - (1 / 360 - (1 / 1260 - inverse / 1680) * inverse) * inverse) / y
    result: Array = (y - 0.5) * np.log(y) - y + 0.5 * np.log(2 * np.pi) + series - np.log(product)
    return result


def log_sum(values: Array, axis: int) -> Array:
    """Return the logarithm of the sum of exponentials along an axis."""
    top = values.max(axis=axis, keepdims=True)
    result: Array = np.log(np.exp(values - top).sum(axis=axis)) + top.squeeze(axis)
    return result


def _log_average(values: Array) -> Array:
    return log_sum(values, axis=2) - math.log(values.shape[2])
