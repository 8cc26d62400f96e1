"""Paired differences against an independent computation, and against resampling."""

import numpy as np
import pytest
from numpy.typing import NDArray

from goldenpath.train.evaluation.evaluation_rows import parse_rows, render_rows
from goldenpath.train.evaluation.metrics import roc_auc
from goldenpath.train.evaluation.paired import PairedDifference, PairedRows, paired_difference
from tests.serve.running import CONTRACT
from tests.sizes import at_size

Floats = NDArray[np.float64]
METRICS = ("roc_auc", "brier", "log_loss", "expected_calibration_error", "accuracy_at_0.3",
           "acceptance_rate")  # fmt: skip


def data(seed: int, rows: int = 2000) -> tuple[Floats, Floats, Floats]:
    """Return outcomes and two similar scores. The second score is no better than the first."""
    draw = np.random.default_rng(seed)
    chance = draw.beta(1, 4, rows)
    target = (draw.random(rows) < chance).astype(np.float64)
    scores = [np.clip(chance + draw.normal(0, 0.05, rows), 0, 1) for _ in range(2)]
    return target, scores[0], scores[1]


def accepted(old: Floats, new: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    return old < 0.3, new < 0.3


def difference_of(
    metric: str,
    target: Floats,
    old: Floats,
    new: Floats,
    *,
    accepted: tuple[NDArray[np.bool_], NDArray[np.bool_]],
) -> PairedDifference | None:
    rows = PairedRows(CONTRACT, target, old.reshape(-1, 1), new.reshape(-1, 1))
    return paired_difference(metric, rows, accepted=accepted)


@pytest.mark.parametrize("metric", METRICS)
def test_the_difference_of_a_model_to_itself_is_zero(metric: str) -> None:
    target, old, _ = data(1)

    difference = difference_of(metric, target, old, old, accepted=accepted(old, old))

    assert difference is not None
    assert (difference.value, difference.error, difference.rows) == (0.0, 0.0, 2000)


def test_the_paired_difference_equals_the_difference_of_the_areas() -> None:
    target, old, new = data(2)

    difference = difference_of("roc_auc", target, old, new, accepted=accepted(old, new))

    before, after = roc_auc(target, old), roc_auc(target, new)
    assert difference is not None
    assert before is not None
    assert after is not None
    assert difference.value == pytest.approx(after.value - before.value, abs=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_the_standard_error_agrees_with_resampling(metric: str) -> None:
    target, old, new = data(3)
    difference = difference_of(metric, target, old, new, accepted=accepted(old, new))
    draw = np.random.default_rng(4)

    values = []
    for _ in range(at_size(60, 200)):
        rows = draw.integers(0, len(target), len(target))
        resampled = difference_of(
            metric, target[rows], old[rows], new[rows], accepted=accepted(old[rows], new[rows])
        )
        assert resampled is not None
        values.append(resampled.value)

    assert difference is not None
    assert difference.error == pytest.approx(float(np.std(values)), rel=0.35)


def test_a_paired_error_is_smaller_than_that_of_separate_estimates() -> None:
    target, old, new = data(5)

    difference = difference_of("roc_auc", target, old, new, accepted=accepted(old, new))

    area = roc_auc(target, new)
    assert difference is not None
    assert area is not None
    assert area.high is not None
    assert difference.error < (area.high - area.value) / 1.96 / 2


def test_too_few_rows_and_unknown_metrics_are_not_paired() -> None:
    target, old, new = data(6)

    assert (
        difference_of("roc_auc", target[:40], old[:40], new[:40], accepted=accepted(old, new))
        is None
    )
    assert difference_of("luck", target, old, new, accepted=accepted(old, new)) is None


def test_rows_are_read_back_in_the_order_of_their_hashed_keys() -> None:
    target, score, _ = data(7, 100)
    keys = [f"client {number}" for number in range(100)]
    shuffled = np.random.default_rng(0).permutation(100)

    content = render_rows(keys, target, score, {"sex": ["1"] * 100})
    other = render_rows(
        [keys[index] for index in shuffled], target[shuffled], score[shuffled], {"sex": ["1"] * 100}
    )

    assert content == other
    assert b"client 7" not in content
    rows = parse_rows(content)
    assert sorted(rows.score[:, 0]) == sorted(score)
    assert list(rows.keys) == sorted(rows.keys)
