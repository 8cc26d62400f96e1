"""The bounds on optimism: simulated looks, and an analyst who learns from each answer."""

import numpy as np
import pytest

from goldenpath.promote.gates.test_sets.optimism import bound_of_adaptive, bound_of_fixed


@pytest.mark.parametrize(
    ("looks", "rows", "fixed", "adaptive"),
    [(1, 1000, 0.0429, 0.0429), (10, 1000, 0.0547, 0.0782), (10, 6000, 0.0223, 0.0319)],
)
def test_the_bounds_are_those_of_the_papers(
    looks: int, rows: int, fixed: float, adaptive: float
) -> None:
    assert bound_of_fixed(looks, rows) == pytest.approx(fixed, abs=1e-4)
    assert bound_of_adaptive(looks, rows) == pytest.approx(adaptive, abs=1e-4)


@pytest.mark.parametrize(("looks", "rows"), [(0, 10), (1, 0), (-1, 5), (10**9, 1)])
def test_without_looks_or_rows_nothing_is_bounded(looks: int, rows: int) -> None:
    assert bound_of_fixed(looks, rows) == bound_of_adaptive(looks, rows) == 1.0


def test_more_looks_and_fewer_rows_give_a_wider_bound() -> None:
    for bound in (bound_of_fixed, bound_of_adaptive):
        assert bound(2, 500) > bound(1, 500) > bound(1, 501)
        assert bound(1, 500, confidence=0.99) > bound(1, 500)


def test_the_bound_of_fixed_models_fails_at_most_as_often_as_it_says() -> None:
    random = np.random.default_rng(7)
    looks, rows, rounds = 20, 300, 400
    answers = random.binomial(rows, 0.5, size=(rounds, looks)) / rows
    failed = (np.abs(answers - 0.5).max(axis=1) > bound_of_fixed(looks, rows)).mean()

    assert failed <= 0.05


def test_an_analyst_who_learns_from_each_look_stays_within_the_adaptive_bound() -> None:
    """Each look tells whether a random model passed; the last model is the vote of those."""
    random = np.random.default_rng(11)
    looks, rows = 60, 200
    flattered = []
    for _ in range(50):
        truth = random.integers(0, 2, rows)
        models = random.integers(0, 2, (looks - 1, rows))
        passed = (models == truth).mean(axis=1) > 0.5
        votes = np.where(passed[:, None], models, 1 - models).mean(axis=0) > 0.5
        flattered.append((votes == truth).mean() - 0.5)

    assert max(flattered) > bound_of_fixed(looks, rows), "what the other bound does not hold for"
    assert max(flattered) <= bound_of_adaptive(looks, rows)
