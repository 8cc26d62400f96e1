"""The alternative distributions that the drift detector tests against the reference.

A mixture over all distributions detects slowly. The detector therefore puts half of its weight on
the shapes that drift has in practice: values move up or down, or their spread grows or shrinks. A
quarter is on the growth of one bin, and the rest on all distributions alike.
"""

import math
from dataclasses import dataclass
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
    scores = normal_scores(bins, common, shares)
    found = [t * scores for t in _LOCATION] + [t * (scores**2 - 1) for t in _SCALE]
    return np.stack([sign * tilt for tilt in found for sign in (-1, 1)], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class MixtureLogs:
    """Logarithms that the likelihood of the mixture needs, of one set of reference shares.

    Arrays begin with the axis of bins or of alternatives, which makes sums over them quick. `s` is
    1, or the number of starts where each start has shares of its own.
    """

    shares: Array
    """Of shape `(n, s, columns)`."""
    growth: Array
    """Factors of a bin that has grown, shape `(amounts, n, s, columns)`."""
    norms: Array
    """Divisors that make tilted shares add up to one, shape `(tilts, s, columns)`."""

    @classmethod
    def of(cls, shares: Array, tilts: Array) -> "MixtureLogs":
        """Return them for `shares` of shape `(s, columns, n)`."""
        by_bin = np.ascontiguousarray(shares.transpose(2, 0, 1))
        return cls(
            np.log(by_bin),
            np.stack([np.log1p(w / ((1 - w) * by_bin)) for w in _GROWTH]),
            np.log(np.einsum("scn,cnt->tsc", shares, np.exp(tilts), optimize=True)),
        )


def log_mixture(counts: Array, tilts: Array, logs: MixtureLogs) -> Array:
    """Return the log likelihood of the mixture divided by that of the reference shares.

    `counts` has shape `(starts, columns, n)` and need not be whole; `tilts` has shape
    `(columns, n, tilts)`. The result has shape `(starts, columns)`.
    """
    by_bin = np.ascontiguousarray(counts.transpose(2, 0, 1))
    rows = by_bin.sum(axis=0)
    flat = _log_dirichlet(by_bin, rows) - (by_bin * logs.shares).sum(axis=0)
    parts = [(0.25, _log_average(_growth(by_bin, rows, logs))), (0.25, flat)]
    if tilts.shape[2]:
        products = np.matmul(counts.transpose(1, 0, 2), tilts)
        tilted = np.ascontiguousarray(products.transpose(2, 1, 0)) - rows * logs.norms
        parts.append((0.5, _log_average(tilted)))
    total = sum(weight for weight, _ in parts)
    return log_sum(np.stack([part + math.log(weight / total) for weight, part in parts]))


def _growth(counts: Array, rows: Array, logs: MixtureLogs) -> Array:
    """Return the log likelihood ratios of `(1 - w) q + w e` for each amount `w` and bin `e`."""
    grown = counts * logs.growth
    for ratios, w in zip(grown, _GROWTH, strict=True):
        ratios += rows * math.log1p(-w)
    result: Array = grown.reshape(-1, *rows.shape)
    return result


def _log_dirichlet(counts: Array, rows: Array) -> Array:
    """Return the log likelihood when each distribution is as likely, with half a count a bin."""
    size = len(counts)
    result: Array = (
        log_gamma(counts + 0.5).sum(axis=0)
        - size * math.lgamma(0.5)
        + math.lgamma(size / 2)
        - log_gamma(rows + size / 2)
    )
    return result


def normal_scores(bins: Bins, common: NDArray[np.intp], shares: Array) -> Array:
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


def log_sum(values: Array) -> Array:
    """Return the logarithm of the sum of exponentials along the first axis, to about 1e-6.

    The exponentials are the dearest part of a look. Single precision makes them ten times cheaper.
    """
    top = values.max(axis=0)
    below = (values - top).astype(np.float32)
    result: Array = np.log(np.exp(below, out=below).sum(axis=0, dtype=np.float64)) + top
    return result


def _log_average(values: Array) -> Array:
    return log_sum(values) - math.log(len(values))
