import numpy as np
import pytest

from goldenpath.canary.analysis import Comparison, Criteria, Share, judge
from goldenpath.errors import InvalidInput

CRITERIA = Criteria(alpha=0.01, requests=300)


def outcome(stable: Share, canary: Share, margin: float = 0.0) -> list[Comparison]:
    return [Comparison("declined", stable, canary, margin, both_ways=True)]


def test_a_true_difference_within_the_margin_is_ever_refuted_no_more_often_than_alpha() -> None:
    source, criteria, refuted = np.random.default_rng(7), Criteria(alpha=0.1), 0
    for _ in range(200):
        hits, is_refuted = np.zeros(2, int), False
        for total in range(25, 1501, 25):
            hits += source.binomial(25, (0.2, 0.25))
            seen = outcome(Share(int(hits[0]), total), Share(int(hits[1]), total), 0.05)
            is_refuted = is_refuted or judge(total, seen, criteria).comparisons[0].is_harm
        refuted += is_refuted

    # 20 expected at most; 33 is three standard deviations above.
    assert refuted <= 33


def test_a_few_answers_are_not_enough_whatever_they_say() -> None:
    verdict = judge(10, outcome(Share(20, 90), Share(2, 10)), CRITERIA)

    assert verdict.action == "hold"
    assert "10 of 300" in verdict.reason


def test_a_canary_like_the_stable_release_advances() -> None:
    verdict = judge(500, outcome(Share(1000, 4500), Share(110, 500), 0.05), CRITERIA)

    assert verdict.action == "advance"


def test_a_canary_that_looks_worse_waits_for_more_answers() -> None:
    verdict = judge(500, outcome(Share(1000, 4500), Share(150, 500), 0.05), CRITERIA)

    assert verdict.action == "hold"
    assert "may be chance" in verdict.reason


def test_failures_roll_back_at_once_and_say_so() -> None:
    failures = Comparison("errors", Share(2, 900), Share(20, 100), 0.005)

    verdict = judge(100, [failures], CRITERIA)

    assert verdict.action == "roll back"
    assert "errors 20.00% of 100 against 0.22% of 900" in verdict.reason


def test_a_canary_that_fails_less_is_no_harm() -> None:
    failures = Comparison("errors", Share(200, 1000), Share(0, 1000), 0.0)

    assert not judge(1000, [failures], CRITERIA).comparisons[0].is_harm


def test_criteria_come_as_data_and_unknown_ones_are_refused() -> None:
    assert Criteria.of({"alpha": 0.05, "requests": 50.0}) == Criteria(alpha=0.05, requests=50)
    with pytest.raises(InvalidInput, match="'speed' is not known"):
        Criteria.of({"speed": 1.0})
    with pytest.raises(InvalidInput, match="expected alpha and miss in"):
        Criteria.of({"alpha": 0.0})
