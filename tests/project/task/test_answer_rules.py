"""What an answer means for each task: whether it is one, what it leads to, and what is the same."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from goldenpath.project.spec import (
    Band,
    ClassOutcome,
    Contract,
    DecisionPolicy,
    Feature,
    MonitorSettings,
    ValueRange,
)
from goldenpath.project.task.answer_rules import AnswerRules

PROBABILITY = Contract(
    "m",
    (Feature("x", "number"),),
    "o",
    DecisionPolicy((Band("low", 0.5, "accept"), Band("high", 1.01, "decline"))),
    MonitorSettings(),
)
CLASSES = replace(PROBABILITY, task="classes", classes=("a", "b", "c"), decision=None)
POLICY = DecisionPolicy(
    classes=(ClassOutcome("a", "go", 0.6), ClassOutcome("b", "stop")), fallback="desk"
)
VALUE = replace(PROBABILITY, task="value", value=ValueRange("EUR", -10.0, 1000.0), decision=None)


def numbers(*rows: list[float]) -> NDArray[np.float32]:
    return np.array(rows, np.float32)


def test_a_probability_is_an_answer_in_its_bounds() -> None:
    rules = AnswerRules(PROBABILITY)
    given = numbers([0.0], [0.5], [1.0], [1.5], [-0.1], [np.nan])

    assert rules.is_answer(given).tolist() == [True, True, True, False, False, False]
    assert rules.decide(given).bands == ["low", "high", "high", None, None, None]
    assert rules.decide(given).outcomes == ["accept", "decline", "decline", *["refer"] * 3]
    assert rules.is_accepted(given).tolist() == [True, False, False, False, False, False]
    assert rules.outcomes == ("accept", "refer", "decline")


def test_classes_need_probabilities_that_are_one_together() -> None:
    rules = AnswerRules(CLASSES)
    given = numbers([0.2, 0.7, 0.1], [0.5, 0.5, 0.5], [1.2, -0.2, 0.0], [np.nan, 0.5, 0.5])

    assert rules.is_answer(given).tolist() == [True, False, False, False]
    assert rules.likeliest(given).tolist() == [1, -1, -1, -1]
    assert rules.decide(given).outcomes == ["b", None, None, None]
    assert rules.outcomes == ("a", "b", "c")
    assert np.isnan(rules.monitored(given)[1:]).all()


def test_a_class_that_is_unlikely_or_without_a_rule_gets_the_fallback() -> None:
    rules = AnswerRules(replace(CLASSES, decision=POLICY))
    given = numbers([0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.3, 0.4, 0.3], [0.1, 0.1, 0.8])

    decided = rules.decide(given)

    assert decided.outcomes == ["go", "desk", "stop", "desk"]
    assert decided.fallback.tolist() == [False, True, False, True]
    assert rules.outcomes == ("go", "stop", "desk")


def test_a_value_is_an_answer_within_its_declared_bounds() -> None:
    rules = AnswerRules(VALUE)
    given = numbers([-10.0], [500.0], [1000.5], [np.inf])

    assert rules.is_answer(given).tolist() == [True, True, False, False]
    assert rules.decide(given).outcomes == [None] * 4
    assert rules.outcomes == ()


@pytest.mark.parametrize(
    ("one", "other", "tolerance", "same"),
    [
        (100.0, 104.0, 0.0, True),
        (100.0, 106.0, 0.0, False),
        (100.0, 106.0, 7.0, True),
        (0.0, 0.0, 0.0, True),
        (-100.0, 100.0, 0.0, False),
        (np.nan, np.nan, 0.0, True),
        (np.nan, 1.0, 0.0, False),
    ],
)
def test_values_are_the_same_within_a_share_or_the_declared_tolerance(
    one: float, other: float, tolerance: float, same: bool
) -> None:
    rules = AnswerRules(replace(VALUE, value=ValueRange("EUR", -1e3, 1e3, tolerance)))

    assert rules.is_same(np.array([one]), np.array([other])).tolist() == [same]
    assert rules.differs(numbers([one]), numbers([other])).tolist() == [not same]


def test_with_a_policy_answers_differ_by_their_band() -> None:
    rules = AnswerRules(PROBABILITY)

    assert rules.differs(numbers([0.49], [0.1]), numbers([0.51], [0.4])).tolist() == [True, False]


def test_the_distance_to_a_bound_exists_only_where_the_outcome_changes() -> None:
    assert AnswerRules(PROBABILITY).to_bound(numbers([0.2], [2.0]))[0] == pytest.approx(0.3)
    assert np.isnan(AnswerRules(PROBABILITY).to_bound(numbers([2.0]))).all()
    assert np.isnan(AnswerRules(CLASSES).to_bound(numbers([0.2, 0.7, 0.1]))).all()
