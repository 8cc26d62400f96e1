"""Metrics of a score in [0, 1] against outcomes in {0, 1}, each with a 95 % interval.

Pure functions of numpy arrays. With too few rows an estimate has no interval. If a metric is
undefined for the rows, its function returns None.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Z = 1.959963984540054
"""Quantile 0.975 of the standard normal distribution."""
MIN_ROWS = 50
"""Fewest rows for an interval."""
MIN_CLASS = 10
"""Fewest rows of the rarer outcome for an interval of a rank statistic."""
SMALLEST = 1e-12
"""For the logarithm, scores are clipped to at least this distance from 0 and 1."""
BINS = 10
"""Bins of the calibration error."""
RESAMPLES = 200
"""Resamples of the bootstrap."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its 95 % interval. The bounds are None if there are too few rows."""

    value: float
    low: float | None
    high: float | None


def every_metric(
    target: Floats, score: Floats, cuts: Sequence[float], accept: NDArray[np.bool_] | None
) -> Iterator[tuple[str, Estimate]]:
    """Yield name and estimate of each metric that is defined for these rows, in a fixed order.

    `cuts` are the cut-offs of the decision policy. `accept` marks the rows that it
    accepts; None without a policy.
    """
    auc = roc_auc(target, score)
    if auc is not None:
        yield "roc_auc", auc
    yield "brier", mean((score - target) ** 2)
    yield "log_loss", mean(losses(target, score))
    yield "expected_calibration_error", expected_calibration_error(target, score)
    for cut in cuts:
        yield f"accuracy_at_{cut:g}", share((score >= cut) == (target == 1))
    if accept is not None:
        yield "acceptance_rate", share(accept)


def roc_auc(target: Floats, score: Floats) -> Estimate | None:
    """Return the area under the ROC curve; None if one of the outcomes does not occur.

    The interval uses the variance of DeLong, DeLong and Clarke-Pearson (1988), computed from
    midranks as in Sun and Xu, Fast implementation of DeLong's algorithm (2014).
    """
    bad, good = score[target == 1], score[target == 0]
    if not len(bad) or not len(good):
        return None
    ranks = midranks(np.concatenate([bad, good]))
    above = (ranks[: len(bad)] - midranks(bad)) / len(good)
    below = 1 - (ranks[len(bad) :] - midranks(good)) / len(bad)
    area = float(above.mean())
    if min(len(bad), len(good)) < MIN_CLASS:
        return Estimate(area, None, None)
    variance = above.var(ddof=1) / len(bad) + below.var(ddof=1) / len(good)
    half = Z * math.sqrt(variance)
    return Estimate(area, max(area - half, 0.0), min(area + half, 1.0))


def midranks(values: Floats) -> Floats:
    """Return the ranks of `values`, from 1. Ties get the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    middle: Floats = (last - (counts - 1) / 2)[inverse]
    return middle


def mean(values: Floats) -> Estimate:
    """Return the mean of a loss per row, with its normal interval, cut off at 0."""
    value = float(values.mean())
    if len(values) < MIN_ROWS:
        return Estimate(value, None, None)
    half = Z * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Estimate(value, max(value - half, 0.0), value + half)


def share(hits: NDArray[np.bool_]) -> Estimate:
    """Return the share of true values, with the interval of Wilson (1927)."""
    rows, value = len(hits), float(hits.mean())
    if rows < MIN_ROWS:
        return Estimate(value, None, None)
    weight = Z * Z / rows
    centre = (value + weight / 2) / (1 + weight)
    half = Z / (1 + weight) * math.sqrt(value * (1 - value) / rows + weight / (4 * rows))
    # If no row or every row is true, rounding could put a bound past the value.
    low, high = max(centre - half, 0.0), min(centre + half, 1.0)
    return Estimate(value, min(low, value), max(high, value))


def expected_calibration_error(target: Floats, score: Floats) -> Estimate:
    """Return the mean distance of score and outcome over bins, weighted by their rows.

    Bins have equal numbers of rows. The interval is a percentile bootstrap with a fixed seed. Noise
    increases this error, so the upper bound is conservative; the lower bound is cut off at the
    value. Source: Naeini, Cooper and Hauskrecht, Obtaining well calibrated probabilities using
    Bayesian binning (2015).
    """
    gaps, bins = score - target, calibration_bins(score)
    value = calibration_error(gaps, bins)
    if len(gaps) < MIN_ROWS:
        return Estimate(value, None, None)
    draw = np.random.default_rng(0)
    samples = [
        calibration_error(gaps[rows], bins[rows])
        for rows in (draw.integers(0, len(gaps), len(gaps)) for _ in range(RESAMPLES))
    ]
    low, high = np.quantile(samples, [0.025, 0.975])
    return Estimate(value, min(float(low), value), max(float(high), value))


def calibration_bins(score: Floats) -> NDArray[np.int64]:
    """Return the bin of each row. Bins have equal numbers of rows, in the order of the scores."""
    bins = np.empty(len(score), np.int64)
    bins[np.argsort(score, kind="stable")] = np.arange(len(score)) * BINS // len(score)
    return bins


def calibration_error(gaps: Floats, bins: NDArray[np.int64]) -> float:
    """Return the mean distance of score and outcome over the bins, weighted by their rows."""
    return float(np.abs(np.bincount(bins, weights=gaps, minlength=BINS)).sum()) / len(gaps)


def losses(target: Floats, score: Floats) -> Floats:
    """Return the logarithmic loss of each row."""
    clipped = np.clip(score, SMALLEST, 1 - SMALLEST)
    result: Floats = -(target * np.log(clipped) + (1 - target) * np.log1p(-clipped))
    return result
