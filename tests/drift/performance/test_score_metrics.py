"""Estimated and realised performance, held against sums over the rows and against fresh labels."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from goldenpath.drift.performance.calibration import Calibration, ScoreGrid
from goldenpath.drift.performance.label_evidence import LabelEvidence
from goldenpath.drift.performance.score_metrics import (
    binned_metrics,
    estimated_performance,
    realised_performance,
)
from goldenpath.errors import InvalidInput
from goldenpath.train.evaluation.metrics import every_metric
from tests.sizes import at_size

Floats = NDArray[np.float64]
CUTS = (0.2, 0.5)
GRID = ScoreGrid.of(CUTS)


def draw(
    random: np.random.Generator, rows: int, shift: float = 0.0, broken: float = 0.0
) -> tuple[Floats, Floats]:
    """Scores of a model that is not quite calibrated, and outcomes; `broken` shifts their odds."""
    odds = random.normal(-1.2 + shift, 1.1, rows)
    right = 1 / (1 + np.exp(-odds))
    score = right**1.2 / (right**1.2 + 1.1 * (1 - right) ** 1.2)
    return score, (random.random(rows) < 1 / (1 + np.exp(-(odds + broken)))).astype(float)


def test_metrics_of_bins_are_those_of_the_rows_up_to_the_width_of_a_bin() -> None:
    score, target = draw(np.random.default_rng(0), 4000)

    binned = binned_metrics(GRID, GRID.counts(score), GRID.counts(score, target), CUTS)

    exact = {name: each.value for name, each in every_metric(target, score, CUTS, score < 0.2)}
    for name in ("roc_auc", "brier", "log_loss", "accuracy_at_0.2", "accuracy_at_0.5"):
        assert math.isclose(binned[name], exact[name], abs_tol=0.001)
    assert math.isclose(binned["positive_rate"], target.mean())


@pytest.mark.parametrize("cut", [0.2, 0.035, 0.12345, 0.7, np.float64(np.float32(0.3))])
def test_a_score_at_a_cut_off_is_above_it(cut: float) -> None:
    grid = ScoreGrid.of([cut])
    rows = grid.counts(np.array([cut, np.nextafter(cut, 0) - 1e-9]))

    metrics = binned_metrics(grid, rows, rows * (grid.edges[:-1] >= cut - 1e-12), [cut])

    assert metrics[f"accuracy_at_{cut:g}"] == 1.0


def test_counts_add_up_and_strange_scores_are_left_out() -> None:
    score = np.array([0.0, 1.0, 0.5, np.nan, -0.1, 1.1, np.inf])

    assert GRID.counts(score).sum() == 3
    assert (GRID.counts(score[:2]) + GRID.counts(score[2:]) == GRID.counts(score)).all()


def test_the_estimate_holds_under_a_shift_of_the_rows_and_its_interval_covers() -> None:
    random = np.random.default_rng(1)
    runs, covered = at_size(5, 200), 0
    for _ in range(runs):
        calibration = Calibration.of(*draw(random, 4000), CUTS)
        score, target = draw(random, 8000, shift=0.4)
        realised = {each.metric: each.value for each in realised_performance(
            calibration.grid, score, target, CUTS
        )}  # fmt: skip
        for each in estimated_performance(calibration, calibration.grid.counts(score), CUTS):
            assert abs(each.value - realised[each.metric]) < 0.05
            assert each.low is not None and each.high is not None
            covered += each.low <= realised[each.metric] <= each.high
    # Six metrics a run, which agree with each other; 95 percent is what the interval says.
    assert covered >= 0.85 * 6 * runs


def test_a_broken_concept_is_not_seen_without_labels_and_is_with_them() -> None:
    random = np.random.default_rng(2)
    learned = draw(random, 10_000)
    calibration = Calibration.of(*learned, CUTS)
    score, target = draw(random, 3000, broken=0.5)

    estimated = {each.metric: each for each in estimated_performance(
        calibration, calibration.grid.counts(score), CUTS
    )}  # fmt: skip
    evidence = LabelEvidence(3.09 * calibration.error_of_odds(learned[0]))
    evidence.add(calibration.grid.rates_at(calibration.rates, score), target)

    assert abs(estimated["positive_rate"].value - target.mean()) > 0.05
    assert 0 < evidence.flagged_at < 1500


def test_false_flags_are_rare_at_any_time_of_looking_and_small_shifts_are_found() -> None:
    random = np.random.default_rng(3)
    runs = at_size(25, 400)

    def flagged(learned: int, labels: int, broken: float) -> float:
        hits = 0
        for _ in range(runs):
            rows = draw(random, learned)
            calibration = Calibration.of(*rows, CUTS)
            score, target = draw(random, labels, shift=0.3, broken=broken)
            evidence = LabelEvidence(3.09 * calibration.error_of_odds(rows[0]))
            evidence.add(calibration.grid.rates_at(calibration.rates, score), target)
            hits += evidence.is_broken
        return hits / runs

    assert flagged(1000, 3000, 0.0) <= 0.05 + 2 * math.sqrt(0.05 / runs)
    assert flagged(30_000, 3000, 0.0) <= 0.05 + 2 * math.sqrt(0.05 / runs)
    assert flagged(30_000, 500, 0.5) >= 0.8
    assert flagged(30_000, 500, -1.0) >= 0.95


def test_evidence_is_the_same_in_any_pieces() -> None:
    random = np.random.default_rng(4)
    probability, target = random.random(500), (random.random(500) < 0.5).astype(float)
    whole, pieces = LabelEvidence(0.1), LabelEvidence(0.1)

    whole.add(probability, target)
    for part in np.array_split(np.arange(500), 7):
        pieces.add(probability[part], target[part])
    pieces.add(probability[:0], target[:0])

    assert math.isclose(whole.value, pieces.value, rel_tol=1e-9)
    assert (whole.labels, whole.flagged_at) == (pieces.labels, pieces.flagged_at)


def test_too_few_rows_or_one_outcome_give_no_calibration() -> None:
    score = np.linspace(0, 1, 300)

    for target in (np.zeros(300), np.ones(300)):
        with pytest.raises(InvalidInput, match="expected at least 200 rows with both outcomes"):
            Calibration.of(score, target, CUTS)
    with pytest.raises(InvalidInput, match="the calibration has 100 rows"):
        Calibration.of(score[:100], (score[:100] > 0.1).astype(float), CUTS)


def test_scores_that_separate_the_outcomes_still_give_finite_rates() -> None:
    score = np.concatenate([np.zeros(200), np.ones(200)])
    calibration = Calibration.of(score, score, CUTS)

    assert np.isfinite(calibration.rates).all() and np.isfinite(calibration.covariance).all()
    assert calibration.rates[0] < 0.01 and calibration.rates[-1] > 0.99
