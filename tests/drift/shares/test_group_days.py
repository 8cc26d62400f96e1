"""The gap of a group: quiet while days are alike, found when it has moved."""

import numpy as np
import pytest

from goldenpath.drift.shares.group_days import (
    FEWEST_DAYS,
    GroupDay,
    day_gains,
    drawn_decisions,
)
from tests.sizes import at_size


def _days(random: np.random.Generator, number: int, share: float, first: int = 0) -> list[GroupDay]:
    """Days on which all shares move together, and the group has one of its own."""
    result = []
    for day in range(first, first + number):
        sizes, moved = random.integers(100, 1000, 2), random.normal() * 0.05
        hits = [random.binomial(n, p + moved) for n, p in zip(sizes, (share, 0.3), strict=True)]
        result.append(GroupDay(day, hits[0], int(sizes[0]), hits[1], int(sizes[1])))
    return result


@pytest.mark.parametrize("share", [0.3, 0.5])
def test_a_bet_gains_nothing_on_average_whatever_the_usual_gap_is(share: float) -> None:
    random, number = np.random.default_rng(1), at_size(300, 4000)
    gains = []
    for _ in range(number):
        *earlier, today = _days(random, FEWEST_DAYS + 1, share)
        gains.append(np.exp(day_gains(earlier, today)))

    deviation = np.std(gains, axis=0) / np.sqrt(number)
    assert (np.mean(gains, axis=0) <= 1 + 4 * deviation + 0.05).all()


def test_a_group_that_is_declined_more_often_gains_on_every_day() -> None:
    random = np.random.default_rng(2)
    usual = _days(random, 60, 0.3)
    gains = [day_gains(usual, each) for each in _days(random, 10, 0.6, first=60)]

    assert np.max(np.mean(gains, axis=0)) > 1


def test_large_days_are_cut_down_to_the_small_ones() -> None:
    days = [GroupDay(i, 50, 150 if i < 3 else 900, 300, 900) for i in range(FEWEST_DAYS)]

    assert drawn_decisions(days) == 150
    assert drawn_decisions([GroupDay(0, 1, 20, 1, 20)]) == 100, "a smaller day goes on"
