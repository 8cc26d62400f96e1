"""`alpha` and `miss` for the tasks `classes` and `value`, on a model of its own for each seed.

Each seed draws the number of classes or the range of the values, and how often each is given. So
what the judge promises is tried on tasks of every shape and not on one example.
"""

from dataclasses import replace
from types import FunctionType

import numpy as np
import pytest

from goldenpath.observe.drift.outcomes import names, points
from goldenpath.project.spec import ValueRange
from tests.canary.simulation import SLICES, Canary, Fate, Stable, counted, fate
from tests.serve.running import CONTRACT
from tests.sizes import at_size

MANY, LOOKS, END = at_size(6, 100), at_size(4, 8), 12_000
MOST_OF_ALPHA, MOST_OF_MISS = at_size(1, 2), at_size(1, 4)
"""With probability below 1 percent more of so many canaries are rolled back, or advance."""
NEAR = {"classes": 0.009, "value": 0.045}
"""Nine tenths of the margin of an outcome, and of the share of values below a point."""
RANGES = ((0.0, 5000.0), (-10.0, 1000.0), (0.0, 1.0), (-0.001, 0.001), (100.0, 1e6), (0.0, 9.0))


def classes(seed: int) -> Stable:
    """A model with 2 to 6 classes, each given in at least 3 percent of the answers."""
    random = np.random.default_rng(seed)
    number = int(random.integers(2, 7))
    named = tuple(f"class-{place}" for place in range(number))
    contract = replace(CONTRACT, decision=None, task="classes", classes=named)
    law = 0.03 + (1 - 0.03 * number) * random.dirichlet(np.full(number, 2.0))
    return Stable(contract, np.tile(law, (len(SLICES), 1)), _rising(random, len(points(contract))))


def value(seed: int) -> Stable:
    """A model of numbers; the bounds of its range are from 0.001 to 1,000,000."""
    random = np.random.default_rng(seed)
    given = ValueRange("EUR", *RANGES[seed % len(RANGES)])
    contract = replace(CONTRACT, decision=None, task="value", value=given)
    none = np.ones((len(SLICES), 1))
    return Stable(contract, none, _rising(random, len(points(contract))))


def _rising(random: np.random.Generator, number: int) -> np.typing.NDArray[np.float64]:
    return np.sort(random.uniform(0.1, 0.9, number))


def moved(stable: Stable, share: float, differ: float, pairs: float = 0.25) -> Canary:
    """A canary that gives the most frequent class, or large values, less often by `share`."""
    law, below = stable.law.copy(), stable.below
    if law.shape[1] > 1:
        most = int(law[0].argmax())
        law[:, most] -= share
        law[:, most - 1] += share
    else:
        below = below - share
    return Canary(law, differ, pairs=pairs, below=below, stable=stable)


TASKS = pytest.mark.parametrize("task", [classes, value])


def fates(task: FunctionType, share: float, differ: float, pairs: float) -> list[Fate]:
    canaries = (moved(task(seed), share, differ, pairs) for seed in range(MANY))
    return [fate(seed, each, END, looks=END // LOOKS) for seed, each in enumerate(canaries)]


@TASKS
@pytest.mark.parametrize("pairs", [0.25, 0.0], ids=["pairs", "no pairs"])
def test_canaries_within_every_margin_are_not_rolled_back_and_equal_ones_advance(
    task: FunctionType, pairs: float
) -> None:
    equal = fates(task, 0.0, 0.0, pairs)
    near = fates(task, NEAR[task.__name__], 0.018, pairs)

    assert sum(each.rolled_back is not None for each in (*equal, *near)) <= MOST_OF_ALPHA
    assert sum(each.advanced is not None for each in equal) >= 0.9 * MANY


@TASKS
def test_of_canaries_whose_pairs_differ_by_5_points_hardly_one_advances(task: FunctionType) -> None:
    ended = fates(task, 0.0, 0.05, 0.25)

    assert sum(each.advanced is not None for each in ended) <= MOST_OF_MISS
    assert sum(each.rolled_back is not None for each in ended) >= 0.9 * MANY


@TASKS
def test_without_pairs_hardly_one_advances_that_is_off_by_5_points_in_a_share(
    task: FunctionType,
) -> None:
    ended = fates(task, 0.05, 0.05, 0.0)

    assert sum(each.advanced is not None for each in ended) <= MOST_OF_MISS


@TASKS
def test_what_is_simulated_of_a_task_is_what_is_counted(task: FunctionType) -> None:
    for seed in range(6):
        stable = task(seed)
        random = np.random.default_rng(seed)
        found = counted(random, 50, stable.law, below=stable.below, contract=stable.contract)
        assert set(found) == set(names(stable.contract))
