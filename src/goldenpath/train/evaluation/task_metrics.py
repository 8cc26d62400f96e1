"""The metrics of each task, overall or for a slice, each with a 95 % interval.

Pure functions. With too few rows an estimate has no interval. A metric that is undefined for the
rows is left out.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goldenpath.project.spec import Contract
from goldenpath.project.task.answer_rules import AnswerRules
from goldenpath.project.task.metric_names import MOST_NAMED
from goldenpath.train.evaluation.metrics import (
    BINS,
    MIN_ROWS,
    RESAMPLES,
    SMALLEST,
    Estimate,
    Floats,
    Z,
    calibration_bins,
    every_metric,
    expected_calibration_error,
    mean,
    share,
)

Positions = NDArray[np.int64]
Named = Iterator[tuple[str, Estimate]]


@dataclass(frozen=True, slots=True, eq=False)
class EvaluatedRows:
    """Rows with their target and the answer of the model."""

    contract: Contract
    target: Floats
    """0 or 1, the position of the class, or the value."""
    numbers: Floats
    """What the model gave, shape `(n, 1)`, or `(n, classes)`."""


def task_metrics(rows: EvaluatedRows) -> Named:
    """Yield name and estimate of each metric of the task, in a fixed order."""
    rules = AnswerRules(rows.contract)
    decision = rows.contract.decision
    if rows.contract.task == "probability":
        bands = decision.bands[:-1] if decision is not None else ()
        accept = rules.is_accepted(rows.numbers) if decision is not None else None
        yield from every_metric(
            rows.target, rows.numbers[:, 0], [band.below for band in bands], accept
        )
        return
    yield from (_of_classes(rows, rules) if rows.contract.task == "classes" else _of_value(rows))
    if decision is not None:
        yield "acceptance_rate", share(rules.is_accepted(rows.numbers))


def _of_classes(rows: EvaluatedRows, rules: AnswerRules) -> Named:
    target, top = rows.target.astype(np.int64), rules.likeliest(rows.numbers)
    names, hit = rules.classes, top == target
    yield "accuracy", share(hit)
    yield "macro_f1", bootstrap(lambda at: macro_f1(target[at], top[at], len(names)), len(target))
    yield "log_loss", mean(class_losses(target, rows.numbers))
    yield "brier", mean(class_distances(target, rows.numbers))
    confidence = np.asarray(rules.main(rows.numbers), np.float64)
    yield (
        "expected_calibration_error",
        expected_calibration_error(hit.astype(np.float64), confidence),
    )
    for place, name in enumerate(names if len(names) <= MOST_NAMED else ()):
        is_class, is_answer = target == place, top == place
        if is_class.any():
            yield f"recall_{name}", share(hit[is_class])
        if is_answer.any():
            yield f"precision_{name}", share(hit[is_answer])


def _of_value(rows: EvaluatedRows) -> Named:
    target, value = rows.target, rows.numbers[:, 0]
    error = value - target
    yield "mean_absolute_error", mean(np.abs(error))
    squared = mean(error**2)
    yield (
        "root_mean_squared_error",
        Estimate(
            math.sqrt(squared.value),
            None if squared.low is None else math.sqrt(squared.low),
            None if squared.high is None else math.sqrt(squared.high),
        ),
    )
    yield "bias", _signed_mean(error)
    if float(target.std()) > 0:
        yield "r_squared", bootstrap(lambda at: _r_squared(target[at], error[at]), len(target))
    if float(value.sum()) > 0:
        yield (
            "actual_to_expected",
            bootstrap(lambda at: float(target[at].sum() / value[at].sum()), len(target)),
        )
    if float(target.min()) >= 0 and float(value.min()) >= 0:
        yield "mean_poisson_deviance", mean(poisson_deviance(target, value))
    if float(np.abs(target).sum()) > 0:
        yield "expected_calibration_error", _value_calibration(target, value)
    yield "within_tolerance", share(AnswerRules(rows.contract).is_same(value, target))


def bootstrap(statistic: Callable[[Positions], float], rows: int) -> Estimate:
    """Return a statistic of rows, with the percentile interval of a bootstrap with a fixed seed.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
    """
    value = statistic(np.arange(rows))
    if rows < MIN_ROWS:
        return Estimate(value, None, None)
    draw = np.random.default_rng(0)
    samples = [statistic(draw.integers(0, rows, rows)) for _ in range(RESAMPLES)]
    finite = [sample for sample in samples if math.isfinite(sample)]
    if len(finite) < RESAMPLES:
        return Estimate(value, None, None)
    low, high = np.quantile(finite, [0.025, 0.975])
    return Estimate(value, min(float(low), value), max(float(high), value))


def macro_f1(target: Positions, top: Positions, classes: int) -> float:
    """Return the mean over the classes that occur of the harmonic mean of precision and recall."""
    is_known = top >= 0
    pairs = target[is_known] * classes + top[is_known]
    table = np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
    truths = np.bincount(target, minlength=classes)
    together = truths + table.sum(axis=0)
    occurs = together > 0
    return float((2 * np.diag(table)[occurs] / together[occurs]).mean())


def class_losses(target: Positions, numbers: Floats) -> Floats:
    """Return the logarithmic loss of each row."""
    chosen = numbers[np.arange(len(target)), target]
    result: Floats = -np.log(np.clip(chosen, SMALLEST, 1.0))
    return result


def class_distances(target: Positions, numbers: Floats) -> Floats:
    """Return the Brier score of each row: the squared distance to the right class."""
    right = np.zeros_like(numbers)
    right[np.arange(len(target)), target] = 1.0
    result: Floats = ((numbers - right) ** 2).sum(axis=1)
    return result


def poisson_deviance(target: Floats, value: Floats) -> Floats:
    """Return the deviance of each row from a Poisson distribution with mean `value`."""
    expected = np.maximum(value, SMALLEST)
    ratio = np.where(target > 0, target, 1.0) / expected
    result: Floats = 2 * (np.where(target > 0, target * np.log(ratio), 0.0) - (target - expected))
    return result


def _signed_mean(values: Floats) -> Estimate:
    value = float(values.mean())
    if len(values) < MIN_ROWS:
        return Estimate(value, None, None)
    half = Z * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Estimate(value, value - half, value + half)


def _r_squared(target: Floats, error: Floats) -> float:
    spread = float(((target - target.mean()) ** 2).sum())
    return 1.0 - float((error**2).sum()) / spread if spread > 0 else math.nan


def _value_calibration(target: Floats, value: Floats) -> Estimate:
    """Return the mean distance of values and targets over ten bins, as a share of the targets.

    Bins have equal numbers of rows, in the order of the values.
    """
    gaps, bins = value - target, calibration_bins(value)

    def distance(at: Positions) -> float:
        sums = np.bincount(bins[at], weights=gaps[at], minlength=BINS)
        total = float(np.abs(target[at]).sum())
        return float(np.abs(sums).sum()) / total if total > 0 else math.nan

    return bootstrap(distance, len(target))
