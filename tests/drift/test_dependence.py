"""The design effect that is measured, against the one that the rows have."""

from dataclasses import replace

import numpy as np
import pytest

from goldenpath.drift.dependence import TimedBins, measured_dependence
from goldenpath.drift.seasons import DAY

SCORES = np.array([-1.64, -1.04, -0.67, -0.39, -0.13, 0.13, 0.39, 0.67, 1.04, 1.64])


def _effects(day_effect: float, rows: int, *, number: int = 60) -> list[tuple[float, float]]:
    """The effect of a day with scores of the bins, and without; 100 days each."""
    random, days = np.random.default_rng(1), np.repeat(np.arange(100), rows)
    edges = [-1.28, -0.84, -0.52, -0.25, 0.0, 0.25, 0.52, 0.84, 1.28]
    result = []
    for _ in range(number):
        values = random.normal(size=len(days)) + day_effect * random.normal(size=100)[days]
        column = TimedBins(np.searchsorted(edges, values), 10, SCORES)
        both = (column, replace(column, scores=None))
        found = [measured_dependence(each, days * DAY, "none").day_effect for each in both]
        result.append((found[0], found[1]))
    return result


@pytest.mark.parametrize(("day_effect", "rows"), [(0.1, 50), (0.2, 50), (0.1, 300)])
def test_days_that_move_together_have_at_least_nearly_their_effect(
    day_effect: float, rows: int
) -> None:
    right = 1 + rows * day_effect**2 * 0.9  # ten bins hold nine tenths of a shift

    with_scores = [each for each, _ in _effects(day_effect, rows)]

    assert np.quantile(with_scores, 0.1) > 1 + 0.5 * (right - 1)
    assert 0.95 * right < np.mean(with_scores) < 1.35 * right


def test_one_direction_shows_a_small_effect_that_all_of_them_hide() -> None:
    found = np.array(_effects(0.1, 50))

    assert (found[:, 1] == 1).mean() > 0.2
    assert (found[:, 0] == 1).mean() < 0.02


def test_independent_rows_lose_little() -> None:
    assert np.mean([each for each, _ in _effects(0.0, 50)]) < 1.15
