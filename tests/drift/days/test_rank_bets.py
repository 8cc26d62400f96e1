"""Bets on ranks: fair while days are exchangeable, whatever their law; quick when they are not."""

from collections.abc import Callable

import numpy as np
import pytest

from goldenpath.drift.days.rank_bets import BETS, STAKE, log_gains, log_value

Law = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
LAWS: dict[str, Law] = {
    "normal": lambda random, size: random.normal(size=size),
    "heavy tails": lambda random, size: random.standard_cauchy(size),
    "many ties": lambda random, size: random.integers(0, 3, size).astype(float),
    "always the same": lambda random, size: np.zeros(size),
}


def _values(law: str, days: int, runs: int, *, moved: float = 0.0) -> np.ndarray:
    """The values of the bets after each day, shape `(runs, days)`; 50 days of reference."""
    random, result = np.random.default_rng(3), np.zeros((runs, days))
    for run in range(runs):
        numbers = LAWS[law](random, (50 + days, 2))
        numbers[50:, 1] += moved
        gains = np.zeros(BETS)
        for day in range(days):
            gains = gains + log_gains(numbers[: 50 + day], tuple(numbers[50 + day]))
            result[run, day] = log_value(gains)
    return np.exp(result)


@pytest.mark.parametrize("law", LAWS)
def test_exchangeable_days_of_any_law_gain_nothing_on_average(law: str) -> None:
    values = _values(law, days=8, runs=400)

    assert values[:, -1].mean() < 1.3
    assert (values.max(axis=1) >= 20).mean() <= 1 / 20


def test_days_that_are_moved_gain_as_soon_as_days_can() -> None:
    values = _values("normal", days=12, runs=40, moved=4.0)

    assert np.median((values >= 1000).argmax(axis=1)) <= 4


def test_a_tie_with_the_reference_is_no_gain() -> None:
    assert log_value(log_gains(np.zeros((99, 2)), (0.0, 0.0))) == pytest.approx(np.log(1 - STAKE))
