"""Metrics of a score in [0, 1] against outcomes in {0, 1}, each with a 95 % interval.

Pure numpy: arrays in, estimates out. An estimate without an interval is one from too few rows to
say how sure it is; where not even a value can be given the function returns None.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Z = 1.959963984540054
"""Quantile 0.975 of the normal law."""
MIN_ROWS = 50
"""Rows below which no interval is given."""
MIN_CLASS = 10
"""Rows of the rarer outcome below which no interval of a rank statistic is given."""
SMALLEST = 1e-12
"""Scores are kept this far from 0 and 1 by the logarithm."""
BINS = 10
RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its 95 % interval; no bounds where there are too few rows."""

    value: float
    low: float | None
    high: float | None


def every_metric(
    target: Floats, score: Floats, cuts: Sequence[float], accept: NDArray[np.bool_]
) -> Iterator[tuple[str, Estimate]]:
    """Name and estimate of each metric that these rows allow, always in the same order.

    `cuts` are the cut-offs of the decision policy, `accept` says which rows it accepts.
    """
    auc = roc_auc(target, score)
    if auc is not None:
        yield "roc_auc", auc
    yield "brier", mean((score - target) ** 2)
    yield "log_loss", mean(losses(target, score))
    yield "expected_calibration_error", expected_calibration_error(target, score)
    for cut in cuts:
        yield f"accuracy_at_{cut:g}", share((score >= cut) == (target == 1))
    yield "acceptance_rate", share(accept)


def roc_auc(target: Floats, score: Floats) -> Estimate | None:
    """Area under the ROC curve; None if one of the outcomes does not occur.

    Interval by the variance of DeLong, DeLong and Clarke-Pearson (1988), computed from midranks
    as in Sun and Xu, Fast implementation of DeLong's algorithm (2014).
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
    """Ranks from 1, ties sharing the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    middle: Floats = (last - (counts - 1) / 2)[inverse]
    return middle


def mean(values: Floats) -> Estimate:
    """Mean of a loss per row, with the normal interval of a mean, not below 0."""
    value = float(values.mean())
    if len(values) < MIN_ROWS:
        return Estimate(value, None, None)
    half = Z * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Estimate(value, max(value - half, 0.0), value + half)


def share(hits: NDArray[np.bool_]) -> Estimate:
    """Share of rows for which something holds, with the interval of Wilson (1927)."""
    rows, value = len(hits), float(hits.mean())
    if rows < MIN_ROWS:
        return Estimate(value, None, None)
    weight = Z * Z / rows
    centre = (value + weight / 2) / (1 + weight)
    half = Z / (1 + weight) * math.sqrt(value * (1 - value) / rows + weight / (4 * rows))
    # Rounding may bring an end past the value where no row or every row is hit.
    low, high = max(centre - half, 0.0), min(centre + half, 1.0)
    return Estimate(value, min(low, value), max(high, value))


def expected_calibration_error(target: Floats, score: Floats) -> Estimate:
    """Mean distance of score and outcome over bins of equal size, weighted by their rows.

    Naeini, Cooper and Hauskrecht, Obtaining well calibrated probabilities using Bayesian binning
    (2015), with bins of equal size. The interval is the percentile bootstrap with a fixed seed.
    Noise can only add to this error, so the upper bound errs on the safe side, and the lower one
    is brought down to the value where it lies above.
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
    """The bin of each row: as many rows in each, by rising score."""
    bins = np.empty(len(score), np.int64)
    bins[np.argsort(score, kind="stable")] = np.arange(len(score)) * BINS // len(score)
    return bins


def calibration_error(gaps: Floats, bins: NDArray[np.int64]) -> float:
    """Mean over the bins of how far scores and outcomes are apart, weighted by their rows."""
    return float(np.abs(np.bincount(bins, weights=gaps, minlength=BINS)).sum()) / len(gaps)


def losses(target: Floats, score: Floats) -> Floats:
    """The logarithmic loss of each row."""
    kept = np.clip(score, SMALLEST, 1 - SMALLEST)
    found: Floats = -(target * np.log(kept) + (1 - target) * np.log1p(-kept))
    return found
