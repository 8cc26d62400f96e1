"""The promises of the canary judge, by simulation with fixed seeds.

One row of `LAW` per slice: its share of the traffic, and how often each outcome is given in it. The
judge looks after every 50 answers of the canary, with every comparison it ever makes.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from goldenpath.gateway.analysis import Criteria
from goldenpath.gateway.rollout import verdicts
from goldenpath.gateway.tally import Tally
from goldenpath.observe.outcomes import OUTCOMES, PAIRED, POINTS, names
from tests.serve.running import CONTRACT

SLICES = (0.6, 0.35, 0.05)
LAW = np.array([[0.5, 0.3, 0.2], [0.6, 0.2, 0.2], [0.4, 0.35, 0.25]])
SCORES = np.linspace(0.05, 0.95, len(POINTS))
STEP, SHARE = 50, 0.1
Counts = dict[str, tuple[int, int]]


def counted(source: np.random.Generator, answers: int, law: NDArray[np.float64]) -> Counts:
    """What the observer would count of that many answers."""
    sizes = source.multinomial(answers, SLICES)
    given = np.array([source.multinomial(n, p) for n, p in zip(sizes, law, strict=True)])
    below = np.searchsorted(np.sort(source.random(answers)), SCORES)
    found = {
        f"outcome {each}": (int(n), answers) for each, n in zip(OUTCOMES, given.sum(0), strict=True)
    }
    for value, (size, row) in enumerate(zip(sizes, given, strict=True)):
        for each, hits in zip(OUTCOMES, row, strict=True):
            found[f"{each} where status = {value}"] = (int(hits), int(size))
    found |= {f"score below {p:g}": (int(n), answers) for p, n in zip(POINTS, below, strict=True)}
    found[PAIRED] = (0, 0)
    assert set(found) == set(names(CONTRACT))
    return found


def actions(seed: int, law: NDArray[np.float64], criteria: Criteria) -> Iterator[tuple[int, str]]:
    """Answers of the canary and the verdict, look by look, until it is rolled back."""
    source = np.random.default_rng(seed)
    totals: list[Counts] = [dict.fromkeys(names(CONTRACT), (0, 0)) for _ in range(2)]
    tallies = [Tally(), Tally()]
    while True:
        for place, (size, rates) in enumerate(((round(STEP / SHARE) - STEP, LAW), (STEP, law))):
            new = counted(source, size, rates)
            old = totals[place]
            totals[place] = {k: (old[k][0] + new[k][0], old[k][1] + new[k][1]) for k in old}
            tallies[place].requests += size
            tallies[place].durations[20] += size
        found = verdicts(
            "prod/credit", ["a", "b"], {"prod/credit/a": tallies[0], "prod/credit/b": tallies[1]},
            criteria, {"prod/credit/a": totals[0], "prod/credit/b": totals[1]}, steps=2,
        )["b"]  # fmt: skip
        yield tallies[1].requests, found.action


def test_of_200_good_canaries_at_most_2_are_rolled_back() -> None:
    rolled_back = 0
    for seed in range(200):
        for answers, action in actions(seed, LAW, Criteria()):
            if action == "roll back":
                rolled_back += 1
            if action == "roll back" or answers >= 1500:
                break

    # `alpha` is 0.01, so that 2 are expected at most.
    assert rolled_back <= 2


def test_a_good_canary_advances() -> None:
    first = [
        next(n for n, action in actions(seed, LAW, Criteria()) if action == "advance")
        for seed in range(20)
    ]

    assert sorted(first)[10] == 1000
    assert max(first) <= 4000


def answers_until_rolled_back(seed: int, law: NDArray[np.float64]) -> int:
    """How many answers a canary that must never advance gave before it was taken away."""
    for answers, action in actions(seed, law, Criteria()):
        assert action != "advance"
        if action == "roll back":
            return answers
    raise AssertionError


def test_harm_in_one_declared_slice_is_found_before_500_harmed_answers() -> None:
    law = LAW.copy()
    law[2] = (0.0, 0.1, 0.9)  # errors and latency stay as they are

    answers = [answers_until_rolled_back(seed, law) for seed in range(20)]

    assert max(answers) * SLICES[2] < 100


def test_harm_to_5_percent_in_no_declared_slice_is_found_before_500_harmed_answers() -> None:
    law = LAW - np.array([0.05, 0.0, -0.05])

    answers = [answers_until_rolled_back(seed, law) for seed in range(20)]

    assert max(answers) * 0.05 < 500
