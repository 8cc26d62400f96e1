"""The promises of the canary judge, by simulation with fixed seeds; `bench` takes many more.

What is promised: of canaries within every margin, `alpha` = 0.2 percent at most are ever rolled
back, so that of 200 more than 2 are with a probability below 1 percent; of those that are off by
`harm` = 5 percent, `miss` = 1 percent at most ever advance. Both hold at any time of looking.
"""

import math
from dataclasses import replace

import numpy as np
import pytest

from goldenpath.canary.analysis import Criteria
from goldenpath.observe.drift.outcomes import names
from tests.canary.simulation import (
    GOOD,
    LAW,
    LIMIT,
    LOG,
    PROMETHEUS,
    SLICES,
    Canary,
    Source,
    counted,
    fate,
)
from tests.serve.running import CONTRACT
from tests.sizes import at_size

MANY = at_size(50, 200)
"""Canaries; of so few as in the small size no more than 2 are rolled back either."""
WORSE = LAW - [0.05, 0.0, -0.05]
HARMFUL = {
    "accepted are declined": Canary(WORSE, 0.05),
    "as many are accepted and declined as before": Canary(LAW, 0.05),
    "half of the traffic": Canary(LAW, 0.05, share=0.5),
    "nothing copies requests": Canary(WORSE, 0.05, pairs=0.0),
}


def test_the_bound_on_200_good_canaries_follows_from_alpha() -> None:
    rate = 200 * Criteria().alpha

    assert 1 - math.exp(-rate) * (1 + rate + rate**2 / 2) < 0.01


def test_of_200_good_canaries_at_most_2_are_rolled_back() -> None:
    fates = [fate(seed, (GOOD, LIMIT)[seed % 2], 4000, looks=500) for seed in range(MANY)]

    assert sum(each.rolled_back is not None for each in fates) <= 2


def test_a_good_canary_advances() -> None:
    advanced = sorted(fate(seed, GOOD, 8000, looks=100).advanced or 8001 for seed in range(20))

    assert advanced[10] <= 2000
    assert advanced[-1] <= 8000


@pytest.mark.parametrize("harm", HARMFUL.values(), ids=HARMFUL.keys())
def test_different_answers_for_5_percent_are_found_before_500_were_harmed(harm: Canary) -> None:
    fates = [fate(seed, harm, 10_000, looks=250) for seed in range(12)]

    assert all(each.advanced is None for each in fates)
    assert max((each.rolled_back or 20_000) * 0.05 for each in fates) < 500


RATE = 10
"""Answers of the canary in a second: 100 of the model, at 10 percent."""


@pytest.mark.parametrize("source", [LOG, PROMETHEUS], ids=["log", "Prometheus"])
def test_once_a_minute_in_a_cluster_at_most_2_of_200_good_canaries_are_rolled_back(
    source: Source,
) -> None:
    looks = source.looks(RATE)
    fates = [fate(seed, (GOOD, LIMIT)[seed % 2], 6000, None, looks, source) for seed in range(MANY)]

    assert sum(each.rolled_back is not None for each in fates) <= 2
    assert sum(each.advanced is not None for each in fates) >= MANY // 2


@pytest.mark.parametrize(
    ("source", "harm", "most"),
    [
        (LOG, HARMFUL["as many are accepted and declined as before"], 500),
        (PROMETHEUS, HARMFUL["nothing copies requests"], 650),
    ],
    ids=["log", "Prometheus"],
)
def test_once_a_minute_in_a_cluster_harm_is_found(
    source: Source, harm: Canary, most: float
) -> None:
    """By Prometheus, which knows no pairs, up to 5 in 100 are found only after 500 (docs)."""
    looks = source.looks(RATE)
    fates = [fate(seed, harm, 15_000, None, looks, source) for seed in range(24)]

    assert all(each.advanced is None for each in fates)
    harmed = sorted(source.harmed(each, RATE, 0.05) for each in fates)
    assert harmed[-1] < most and harmed[12] < 300


def test_prometheus_alone_does_not_see_answers_that_move_no_share() -> None:
    hidden = HARMFUL["as many are accepted and declined as before"]

    assert fate(1, hidden, 20_000, None, 600, PROMETHEUS).rolled_back is None


def test_harm_in_one_declared_slice_is_found_though_nothing_copies_requests() -> None:
    law = LAW.copy()
    law[2] = (0.0, 0.1, 0.9)  # errors and latency stay as they are

    fates = [fate(seed, Canary(law, 0.05, pairs=0.0), 10_000, looks=100) for seed in range(12)]

    assert max((each.rolled_back or 20_000) * SLICES[2] for each in fates) < 100


def test_harm_that_no_share_shows_is_found_in_one_slice_by_its_pairs() -> None:
    hidden = Canary(LAW, 0.35, only=2)  # 1.75 percent of all answers, within the margin over all

    fates = [fate(seed, hidden, 20_000, looks=250) for seed in range(12)]

    assert max((each.rolled_back or 40_000) * 0.35 * SLICES[2] for each in fates) < 500


def test_what_is_simulated_is_what_is_counted() -> None:
    assert set(counted(np.random.default_rng(1), 100, LAW)) == set(names(CONTRACT))


def test_margins_are_those_of_release_yaml() -> None:
    strict = replace(Criteria(), disagreement=0.001)

    assert fate(1, LIMIT, 10_000, strict, looks=200).rolled_back is not None
