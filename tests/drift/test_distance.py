"""Distances: known values, and the coverage of the interval by simulation."""

import math

import numpy as np
import pytest

from goldenpath.drift.alternatives import log_gamma
from goldenpath.drift.distance import (
    chi_squared_quantile,
    population_stability_index,
    psi_interval,
)
from goldenpath.errors import InvalidInput


def _counts(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_the_index_of_large_samples_is_that_of_their_distributions() -> None:
    p, q = _counts(9_000_000, 1_000_000), _counts(5_000_000, 5_000_000)

    expected = (0.5 - 0.9) * math.log(0.5 / 0.9) + (0.5 - 0.1) * math.log(0.5 / 0.1)
    assert population_stability_index(p, q) == pytest.approx(expected, rel=1e-5)
    assert population_stability_index(p, p) == 0


def test_an_empty_bin_gives_a_finite_index() -> None:
    assert 0 < population_stability_index(_counts(100, 0), _counts(90, 10)) < 1


def test_chi_squared_agrees_with_tables() -> None:
    assert chi_squared_quantile(0.95, 9) == pytest.approx(16.919, rel=2e-3)
    assert chi_squared_quantile(0.999, 9) == pytest.approx(27.877, rel=1e-2)


def test_log_gamma_agrees_with_the_standard_library() -> None:
    x = np.array([0.5, 1.0, 1.5, 7.25, 100.0, 123456.5])

    assert log_gamma(x) == pytest.approx([math.lgamma(v) for v in x], rel=1e-9, abs=1e-8)


@pytest.mark.parametrize("shift", [0.0, 0.1])
def test_the_interval_covers_the_index_of_the_distributions(shift: float) -> None:
    random = np.random.default_rng(4)
    p = np.full(10, 0.1)
    q = p + shift * np.array([1, -1] * 5) * 0.5
    truth = float(np.sum((q - p) * np.log(q / p)))

    hits = 0
    for _ in range(400):
        interval = psi_interval(random.multinomial(5000, p), random.multinomial(1000, q))
        hits += interval.low <= truth <= interval.high

    assert hits / 400 > 0.92


def test_samples_binned_differently_are_refused() -> None:
    with pytest.raises(InvalidInput, match="binned differently"):
        population_stability_index(_counts(1, 2), _counts(1, 2, 3))
    with pytest.raises(InvalidInput, match="empty"):
        population_stability_index(_counts(1, 2), _counts(0, 0))
