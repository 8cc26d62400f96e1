"""The alternative distributions that the drift detector tests against the reference.

A mixture over all distributions detects slowly. The detector therefore puts half of its weight on
the shapes that drift has in practice: values move up or down, their spread grows or shrinks, or
one bin grows.
"""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from goldenpath.drift.profile import Bins

Array = NDArray[np.float64]

_LOCATION = (0.1, 0.2, 0.3, 0.5, 0.8, 1.2)
_SCALE = (0.05, 0.12, 0.25, 0.4)
_GROWTH = (0.01, 0.03, 0.1, 0.3)
_NORMAL = NormalDist()


def log_tilts(bins: Bins, shares: Array) -> Array:
    """Return the logarithms of the alternatives to `shares`, of shape `(bins, alternatives)`."""
    alternatives = [(1 - w) * shares + w * row for w in _GROWTH for row in np.eye(bins.size)]
    if bins.kind != "category":
        scores = _normal_scores(bins, shares)
        tilts = [t * scores for t in _LOCATION] + [t * (scores**2 - 1) for t in _SCALE]
        alternatives += [shares * np.exp(sign * tilt) for tilt in tilts for sign in (-1, 1)]
    matrix = np.stack(alternatives, axis=1)
    result: Array = np.log(matrix / matrix.sum(axis=0))
    return result


def _normal_scores(bins: Bins, shares: Array) -> Array:
    """Return the normal score of each bin's middle rank; unseen and missing values score 0."""
    middles = [(low + high) / 2 for low, high in zip(bins.edges[:-1], bins.edges[1:], strict=True)]
    order = np.argsort(np.array([*bins.atoms, *middles]), kind="stable")
    ordered = shares[order]
    ranks = (np.cumsum(ordered) - ordered / 2) / max(ordered.sum(), 1e-300)
    scores = np.zeros(bins.size)
    scores[order] = [_NORMAL.inv_cdf(min(max(rank, 1e-6), 1 - 1e-6)) for rank in ranks]
    return scores


def log_gamma(x: Array) -> Array:
    """Return ln gamma(x) for x > 0, to about 1e-12, by Stirling's series at x + 8."""
    product = np.ones_like(x)
    for step in range(8):
        product *= x + step
    y = x + 8
    series = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * y * y)) / (y * y)) / (y * y)) / y
    result: Array = (y - 0.5) * np.log(y) - y + 0.5 * np.log(2 * np.pi) + series - np.log(product)
    return result
