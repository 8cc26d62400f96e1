"""Paired differences of a metric between two models on the same rows, with standard errors.

Some rows are hard for both models. In a paired difference this effect cancels out, so its standard
error is smaller than that of two separate estimates. Pure functions of numpy arrays.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goldenpath.project.spec import Contract
from goldenpath.project.task.answer_rules import AnswerRules
from goldenpath.train.evaluation.metrics import (
    MIN_CLASS,
    MIN_ROWS,
    RESAMPLES,
    calibration_bins,
    calibration_error,
    losses,
)
from goldenpath.train.evaluation.task_metrics import (
    class_distances,
    class_losses,
    macro_f1,
    poisson_deviance,
)

Floats = NDArray[np.float64]
Positions = NDArray[np.int64]
Accepted = tuple[NDArray[np.bool_], NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """A metric of the new model minus that of the old one."""

    value: float
    error: float
    """Standard error of `value`."""
    rows: int


@dataclass(frozen=True, slots=True, eq=False)
class PairedRows:
    """The answers of two models to the same rows."""

    contract: Contract
    target: Floats
    old: Floats
    """Shape `(n, 1)`, or `(n, classes)`."""
    new: Floats


def paired_difference(
    metric: str, rows: PairedRows, *, accepted: Accepted
) -> PairedDifference | None:
    """Return the difference of `metric`; None for an unknown metric or too few rows.

    `accepted` marks the rows that the old and the new model accept.
    """
    if len(rows.target) < MIN_ROWS:
        return None
    if metric == "acceptance_rate":
        return _mean(accepted[1].astype(np.float64) - accepted[0])
    if rows.contract.task == "classes":
        return _of_classes(metric, rows)
    if rows.contract.task == "value":
        return _of_value(metric, rows.target, rows.old[:, 0], rows.new[:, 0])
    return _of_probability(metric, rows.target, rows.old[:, 0], rows.new[:, 0])


def _of_probability(
    metric: str, target: Floats, old: Floats, new: Floats
) -> PairedDifference | None:
    if metric == "roc_auc":
        return _roc_auc(target, old, new)
    if metric == "expected_calibration_error":
        return _calibration(target, old, new)
    if metric == "brier":
        return _mean((new - target) ** 2 - (old - target) ** 2)
    if metric == "log_loss":
        return _mean(losses(target, new) - losses(target, old))
    name, _, cut = metric.rpartition("_")
    if name == "accuracy_at":
        return _mean(_hits(target, new, float(cut)) - _hits(target, old, float(cut)))
    return None


def _of_classes(metric: str, rows: PairedRows) -> PairedDifference | None:
    rules, target = AnswerRules(rows.contract), rows.target.astype(np.int64)
    old, new = rules.likeliest(rows.old), rules.likeliest(rows.new)
    hits = ((new == target).astype(np.float64), (old == target).astype(np.float64))
    kind, _, name = metric.partition("_")
    if metric == "accuracy":
        return _mean(hits[0] - hits[1])
    if kind == "recall" and name in rules.classes:
        is_class = target == rules.classes.index(name)
        return _mean(hits[0][is_class] - hits[1][is_class]) if is_class.sum() > 1 else None
    if metric == "log_loss":
        return _mean(class_losses(target, rows.new) - class_losses(target, rows.old))
    if metric == "brier":
        return _mean(class_distances(target, rows.new) - class_distances(target, rows.old))
    if metric == "macro_f1":
        classes = len(rules.classes)
        return _resampled(
            lambda at: (
                macro_f1(target[at], new[at], classes) - macro_f1(target[at], old[at], classes)
            ),
            len(target),
        )
    return None


def _of_value(metric: str, target: Floats, old: Floats, new: Floats) -> PairedDifference | None:
    if metric == "mean_absolute_error":
        return _mean(np.abs(new - target) - np.abs(old - target))
    if metric == "mean_poisson_deviance" and min(target.min(), old.min(), new.min()) >= 0:
        return _mean(poisson_deviance(target, new) - poisson_deviance(target, old))
    squares = (new - target) ** 2, (old - target) ** 2
    if metric == "root_mean_squared_error":
        return _resampled(
            lambda at: math.sqrt(squares[0][at].mean()) - math.sqrt(squares[1][at].mean()),
            len(target),
        )
    if metric == "r_squared":
        return _resampled(
            lambda at: float((squares[1][at].mean() - squares[0][at].mean()) / target[at].var()),
            len(target),
        )
    return None


def _resampled(statistic: Callable[[Positions], float], rows: int) -> PairedDifference | None:
    """Return a difference with the standard error of a bootstrap of its rows."""
    draw = np.random.default_rng(0)
    samples = [statistic(draw.integers(0, rows, rows)) for _ in range(RESAMPLES)]
    if not np.isfinite(samples).all():
        return None
    value = statistic(np.arange(rows))
    return PairedDifference(value, float(np.std(samples, ddof=1)), rows)


def _roc_auc(target: Floats, old: Floats, new: Floats) -> PairedDifference | None:
    """Return the difference of two ROC areas on the same rows.

    Its variance is that of the differences of the structural components, row by row.
    Source: DeLong, DeLong and Clarke-Pearson (1988), section 4.
    """
    bad = target == 1
    count, other = int(bad.sum()), int((~bad).sum())
    if min(count, other) < MIN_CLASS:
        return None
    above_new, below_new = _placements(new[bad], new[~bad])
    above_old, below_old = _placements(old[bad], old[~bad])
    above, below = above_new - above_old, below_new - below_old
    variance = above.var(ddof=1) / count + below.var(ddof=1) / other
    return PairedDifference(float(above.mean()), math.sqrt(variance), len(target))


def _placements(bad: Floats, good: Floats) -> tuple[Floats, Floats]:
    """Return the share of good rows below each bad row, and of bad rows above each good row.

    Ties count half.
    """
    return _shares_below(bad, good), 1 - _shares_below(good, bad)


def _shares_below(values: Floats, others: Floats) -> Floats:
    ordered = np.sort(others)
    left = np.searchsorted(ordered, values, "left")
    shares: Floats = (left + np.searchsorted(ordered, values, "right")) / (2 * len(others))
    return shares


def _calibration(target: Floats, old: Floats, new: Floats) -> PairedDifference:
    """Return the difference of calibration errors. Both models are computed on each resample.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 8.
    """
    parts = [(score - target, calibration_bins(score)) for score in (old, new)]
    old_error, new_error = (calibration_error(gaps, bins) for gaps, bins in parts)
    draw = np.random.default_rng(0)
    samples = []
    for _ in range(RESAMPLES):
        rows = draw.integers(0, len(target), len(target))
        before, after = (calibration_error(gaps[rows], bins[rows]) for gaps, bins in parts)
        samples.append(after - before)
    return PairedDifference(new_error - old_error, float(np.std(samples, ddof=1)), len(target))


def _mean(values: Floats) -> PairedDifference:
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    return PairedDifference(float(values.mean()), error, len(values))


def _hits(target: Floats, score: Floats, cut: float) -> Floats:
    hits: Floats = ((score >= cut) == (target == 1)).astype(np.float64)
    return hits
