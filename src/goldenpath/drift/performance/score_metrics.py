"""Performance from binned scores: estimated without labels, and realised with them.

Estimated: if the outcomes given the scores are as in the calibration, a bin of N rows has N times
its rate positive ones, and every metric follows (confidence-based estimation; Guo, Pleiss, Sun and
Weinberger 2017 for the calibration). A change of the outcomes given the scores cannot be seen
without labels: `label_evidence` looks for it in labels.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goldenpath.drift.performance.calibration import Calibration, ScoreGrid

Floats = NDArray[np.float64]

RESAMPLES = 200
Z = 1.959963984540054
"""Quantile 0.975 of the standard normal distribution."""
_SMALLEST = 1e-12
"""For the logarithm, scores are clipped to at least this distance from 0 and 1."""


@dataclass(frozen=True, slots=True)
class Performance:
    """One metric with its 95 % interval; the bounds are None where none can be given."""

    metric: str
    value: float
    low: float | None
    high: float | None


def binned_metrics(
    grid: ScoreGrid, rows: Floats, positives: Floats, cuts: Sequence[float]
) -> Mapping[str, float]:
    """Return the metrics of rows of which each bin has so many, and so many positive ones.

    Names are those of the evaluation. A metric that is not defined is left out. Errors of binning:
    scores stand for the middle of their bin, which is at most 0.0005 away.
    """
    total, bad = float(rows.sum()), float(positives.sum())
    if not total:
        return {}
    good = rows - positives
    scores = np.clip(grid.middles, _SMALLEST, 1 - _SMALLEST)
    metrics = {}
    if 0 < bad < total:
        # A pair in one bin counts half, as a tie of midranks does.
        below = np.cumsum(good) - good / 2
        metrics["roc_auc"] = float((positives * below).sum() / (bad * (total - bad)))
    metrics["brier"] = float((positives * (1 - scores) ** 2 + good * scores**2).sum() / total)
    logs = positives * np.log(scores) + good * np.log1p(-scores)
    metrics["log_loss"] = float(-logs.sum() / total)
    for cut in cuts:
        above = grid.edges[:-1] >= cut - 1e-12
        metrics[f"accuracy_at_{cut:g}"] = float(
            (positives[above].sum() + good[~above].sum()) / total
        )
    metrics["positive_rate"] = bad / total
    return metrics


def estimated_performance(
    calibration: Calibration, rows: Floats, cuts: Sequence[float], *, seed: int = 0
) -> Iterator[Performance]:
    """Yield each metric of `rows` (rows by bin of the calibration's grid) without their labels.

    The interval covers what labels would show, if outcomes given scores are as in the calibration:
    the error of the calibration, and binomial outcomes of the rows themselves.
    """
    value = binned_metrics(calibration.grid, rows, rows * calibration.rates, cuts)
    draw = np.random.default_rng(seed)
    whole = rows.astype(np.int64)
    resamples = (
        binned_metrics(calibration.grid, rows, draw.binomial(whole, rates).astype(float), cuts)
        for rates in calibration.sampled_rates(draw, RESAMPLES)
    )
    yield from _with_intervals(value, resamples)


def _with_intervals(
    value: Mapping[str, float], resamples: Iterable[Mapping[str, float]]
) -> Iterator[Performance]:
    """Yield each metric with the interval of its values in the resamples."""
    drawn = list(resamples)
    for name, metric in value.items():
        yield _with_interval(name, metric, [each[name] for each in drawn if name in each])


def _with_interval(name: str, value: float, samples: Sequence[float]) -> Performance:
    """Return the metric with the normal interval of its resamples; none if there are too few."""
    if len(samples) < RESAMPLES // 2:
        return Performance(name, value, None, None)
    half = Z * float(np.std(samples, ddof=1))
    return Performance(name, value, max(value - half, 0.0), value + half)


def realised_performance(
    grid: ScoreGrid, scores: Floats, targets: Floats, cuts: Sequence[float], *, seed: int = 0
) -> Iterator[Performance]:
    """Yield each metric of labelled rows, with a bootstrap interval over the rows."""
    rows, positives = grid.counts(scores), grid.counts(scores, targets)
    value = binned_metrics(grid, rows, positives, cuts)
    total = int(rows.sum())
    draw = np.random.default_rng(seed)
    shares = np.concatenate([positives, rows - positives]) / max(total, 1)
    samples = (
        draw.multinomial(total, shares).astype(float) for _ in range(RESAMPLES if total else 0)
    )
    resamples = (
        binned_metrics(grid, sample[: len(rows)] + sample[len(rows) :], sample[: len(rows)], cuts)
        for sample in samples
    )
    yield from _with_intervals(value, resamples)
