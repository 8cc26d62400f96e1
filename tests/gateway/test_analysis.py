import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldenpath.errors import InvalidInput
from goldenpath.gateway.analysis import Comparison, Criteria, Share, bounds, judge

CRITERIA = Criteria(alpha=0.01, requests=300)


def outcome(stable: Share, canary: Share, margin: float = 0.0) -> list[Comparison]:
    return [Comparison("declined", stable, canary, margin, both_ways=True)]


@given(st.integers(1, 5000), st.floats(0, 1), st.floats(1e-6, 0.5))
@settings(max_examples=100)
def test_bounds_hold_what_was_seen_and_narrow_with_a_larger_alpha(
    total: int, rate: float, alpha: float
) -> None:
    share = Share(round(total * rate), total)
    low, high = bounds(share, alpha)
    wide_low, wide_high = bounds(share, alpha / 10)

    assert 0 <= wide_low <= low <= share.rate <= high <= wide_high <= 1


def test_a_true_rate_is_left_at_any_look_no_more_often_than_alpha() -> None:
    source, alpha, left = np.random.default_rng(7), 0.1, 0
    for _ in range(200):
        hits, is_left = 0, False
        for total in range(1, 301):
            hits += int(source.random() < 0.2)
            low, high = bounds(Share(hits, total), alpha)
            is_left = is_left or not low <= 0.2 <= high
        left += is_left

    # 20 expected at most; 33 is three standard deviations above.
    assert left <= 33


def test_of_200_good_canaries_at_most_2_are_rolled_back() -> None:
    source, rolled_back = np.random.default_rng(11), 0
    for _ in range(200):
        stable, canary, declined = 0, 0, [0, 0]
        is_back = False
        for _ in range(20):
            stable, canary = stable + 450, canary + 50
            declined[0] += int(source.binomial(450, 0.22))
            declined[1] += int(source.binomial(50, 0.22))
            seen = outcome(Share(declined[0], stable), Share(declined[1], canary))
            is_back = is_back or judge(canary, seen, CRITERIA).action == "roll back"
        rolled_back += is_back

    assert rolled_back <= 2


def test_a_canary_that_differs_for_5_percent_is_found_before_500_harmed_answers() -> None:
    for seed in range(5):
        source, stable, canary, hits = np.random.default_rng(seed), 0, 0, [0, 0]
        while True:
            stable, canary = stable + 900, canary + 100
            hits[0] += int(source.binomial(900, 0.22))
            hits[1] += int(source.binomial(100, 0.27))
            seen = outcome(Share(hits[0], stable), Share(hits[1], canary))
            if judge(canary, seen, CRITERIA).action == "roll back":
                break

        assert canary * 0.05 < 500


def test_a_few_answers_are_not_enough_whatever_they_say() -> None:
    verdict = judge(10, outcome(Share(20, 90), Share(2, 10)), CRITERIA)

    assert verdict.action == "hold"
    assert "10 of 300" in verdict.reason


def test_a_canary_like_the_stable_release_advances() -> None:
    verdict = judge(500, outcome(Share(1000, 4500), Share(110, 500), 0.05), CRITERIA)

    assert verdict.action == "advance"


def test_failures_roll_back_at_once_and_say_so() -> None:
    failures = Comparison("errors", Share(2, 900), Share(20, 100), 0.005)

    verdict = judge(100, [failures], CRITERIA)

    assert verdict.action == "roll back"
    assert "errors 20.00% against 0.22%" in verdict.reason


def test_a_canary_that_fails_less_is_no_harm() -> None:
    failures = Comparison("errors", Share(200, 1000), Share(0, 1000), 0.0)

    assert not judge(1000, [failures], CRITERIA).comparisons[0].is_harm


def test_criteria_come_as_data_and_unknown_ones_are_refused() -> None:
    assert Criteria.of({"alpha": 0.05, "requests": 50.0}) == Criteria(alpha=0.05, requests=50)
    with pytest.raises(InvalidInput, match="'speed' is not known"):
        Criteria.of({"speed": 1.0})
