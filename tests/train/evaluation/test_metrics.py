"""Metrics against values computed by hand, and the coverage of intervals by simulation."""

import numpy as np
import pytest

from goldenpath.train.evaluation.metrics import (
    expected_calibration_error,
    mean,
    midranks,
    roc_auc,
    share,
)


def _column(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(values, np.float64)


def test_ties_get_the_mean_of_their_ranks() -> None:
    assert midranks(_column(3, 1, 3, 2)).tolist() == [3.5, 1, 3.5, 2]


def test_the_area_counts_pairs_and_half_of_ties() -> None:
    # Pairs (bad, good): 0.9 beats both, 0.4 beats 0.1 and ties with 0.4.
    estimate = roc_auc(_column(1, 1, 0, 0), _column(0.9, 0.4, 0.4, 0.1))

    assert estimate is not None
    assert (estimate.value, estimate.low) == (3.5 / 4, None)


def test_the_area_needs_both_outcomes() -> None:
    assert roc_auc(_column(1, 1), _column(0.1, 0.2)) is None


def test_a_share_has_the_interval_of_wilson() -> None:
    # 50 of 100: Wilson's interval is (0.4038, 0.5962).
    estimate = share(np.arange(100) < 50)

    assert estimate.value == 0.5
    assert estimate.low == pytest.approx(0.4038, abs=1e-4)
    assert estimate.high == pytest.approx(0.5962, abs=1e-4)


def test_few_rows_give_no_interval() -> None:
    assert share(np.ones(49, np.bool_)).low is None
    assert mean(_column(1, 2, 3)).high is None


def test_a_calibrated_score_has_a_small_error_and_a_wrong_one_a_large() -> None:
    draw = np.random.default_rng(5)
    score = draw.uniform(0, 1, 20_000)
    target = (draw.uniform(0, 1, 20_000) < score).astype(np.float64)

    good = expected_calibration_error(target, score)
    wrong = expected_calibration_error(target, score / 2)
    assert good.value < 0.02
    assert wrong.value == pytest.approx(0.25, abs=0.02)
    assert wrong.low is not None
    assert wrong.high is not None
    assert wrong.low <= wrong.value <= wrong.high


def test_the_interval_of_the_area_covers_the_truth_95_percent_of_the_time() -> None:
    draw = np.random.default_rng(7)
    # Two normal distributions with means 1 apart: the area is the normal CDF at 1 / sqrt(2).
    truth, covered, rounds = 0.7602499, 0, 400
    for _ in range(rounds):
        target = np.repeat([1.0, 0.0], [60, 140])
        estimate = roc_auc(target, draw.normal(size=200) + target)
        assert estimate is not None
        assert estimate.low is not None
        assert estimate.high is not None
        covered += estimate.low <= truth <= estimate.high

    assert 0.91 <= covered / rounds <= 0.98
