"""The metrics of classes and values against independent computations."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from goldenpath.project.spec import ValueRange
from goldenpath.train.evaluation.metrics import Estimate
from goldenpath.train.evaluation.paired import PairedRows, paired_difference
from goldenpath.train.evaluation.task_metrics import EvaluatedRows, macro_f1, task_metrics
from tests.project.task.test_answer_rules import CLASSES, POLICY, VALUE

DRAW = np.random.default_rng(5)
TARGET = DRAW.integers(0, 3, 400)
NUMBERS = DRAW.dirichlet([1, 1, 1], 400) * 0.5 + 0.5 * np.eye(3)[TARGET]
COSTS = DRAW.gamma(4.0, 25.0, 400)
VALUES = (COSTS * DRAW.normal(1.0, 0.2, 400)).clip(0, 999).reshape(-1, 1)
RANGE = replace(VALUE, value=ValueRange("EUR", 0.0, 1000.0))
NONE = (np.zeros(400, np.bool_), np.zeros(400, np.bool_))


def classes() -> dict[str, Estimate]:
    return dict(task_metrics(EvaluatedRows(CLASSES, TARGET.astype(float), NUMBERS)))


def values() -> dict[str, Estimate]:
    return dict(task_metrics(EvaluatedRows(RANGE, COSTS, VALUES)))


def test_classes_are_measured_as_a_count_by_hand_says() -> None:
    top, found = NUMBERS.argmax(axis=1), classes()
    pairs = Counter(zip(TARGET.tolist(), top.tolist(), strict=True))
    scores = []
    for name in range(3):
        right = pairs[name, name]
        recall = right / sum(pairs[name, other] for other in range(3))
        precision = right / sum(pairs[other, name] for other in range(3))
        scores.append(2 * recall * precision / (recall + precision))
        assert found[f"recall_{'abc'[name]}"].value == pytest.approx(recall)
        assert found[f"precision_{'abc'[name]}"].value == pytest.approx(precision)

    assert found["macro_f1"].value == pytest.approx(np.mean(scores))
    assert found["accuracy"].value == pytest.approx((top == TARGET).mean())
    losses = [-math.log(row[place]) for row, place in zip(NUMBERS, TARGET, strict=True)]
    assert found["log_loss"].value == pytest.approx(np.mean(losses))


def test_values_are_measured_as_a_count_by_hand_says() -> None:
    found, error = values(), VALUES[:, 0] - COSTS

    assert found["mean_absolute_error"].value == pytest.approx(np.abs(error).mean())
    assert found["root_mean_squared_error"].value == pytest.approx(math.sqrt((error**2).mean()))
    assert found["bias"].value == pytest.approx(error.mean())
    assert found["actual_to_expected"].value == pytest.approx(COSTS.sum() / VALUES.sum())
    assert found["r_squared"].value == pytest.approx(1 - (error**2).sum() / (400 * COSTS.var()))


def test_every_metric_has_an_interval_around_its_value() -> None:
    for found in (classes(), values()):
        for estimate in found.values():
            assert estimate.low is not None and estimate.high is not None
            assert estimate.low <= estimate.value <= estimate.high


def test_few_rows_give_no_interval() -> None:
    few = EvaluatedRows(RANGE, COSTS[:20], VALUES[:20])

    assert all(estimate.low is None for _, estimate in task_metrics(few))


def test_the_share_of_favourable_outcomes_needs_a_policy() -> None:
    policy = replace(POLICY, favourable=("go",))
    decided = EvaluatedRows(replace(CLASSES, decision=policy), TARGET.astype(float), NUMBERS)

    assert "acceptance_rate" not in classes()
    assert 0 < dict(task_metrics(decided))["acceptance_rate"].value < 1


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "log_loss", "brier", "recall_a"])
def test_a_worse_model_of_classes_is_seen_in_pairs(metric: str) -> None:
    blurred = NUMBERS * 0.3 + np.roll(NUMBERS, 1, axis=0) * 0.7
    rows = PairedRows(CLASSES, TARGET.astype(float), NUMBERS, blurred)

    difference = paired_difference(metric, rows, accepted=NONE)
    same = paired_difference(metric, replace(rows, new=NUMBERS), accepted=NONE)

    assert difference is not None
    assert same is not None
    assert abs(difference.value) > 3 * difference.error > 0
    assert (same.value, same.error) == (0.0, 0.0)


@pytest.mark.parametrize(
    "metric",
    ["mean_absolute_error", "root_mean_squared_error", "r_squared", "mean_poisson_deviance"],
)
def test_a_worse_model_of_values_is_seen_in_pairs(metric: str) -> None:
    rows = PairedRows(RANGE, COSTS, VALUES, np.roll(VALUES, 1, axis=0))

    difference = paired_difference(metric, rows, accepted=NONE)

    assert difference is not None
    assert abs(difference.value) > 3 * difference.error > 0


def test_macro_f1_leaves_out_classes_that_do_not_occur() -> None:
    places = np.array([0, 0, 1, 1])

    assert macro_f1(places, places, 5) == 1.0
