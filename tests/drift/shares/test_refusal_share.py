"""The bets on refused requests: an average of at most one within the usual share."""

import math

import pytest

from goldenpath.drift.shares.refusal_share import USUAL_SHARE, learnt_share, log_gains


@pytest.mark.parametrize("usual", [USUAL_SHARE, 0.2, 0.99])
@pytest.mark.parametrize("part", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("asked", [1, 7, 200])
def test_a_bet_gains_nothing_on_average_within_the_usual_share(
    usual: float, part: float, asked: int
) -> None:
    share = usual * part
    chances = [
        math.comb(asked, hits) * share**hits * (1 - share) ** (asked - hits)
        for hits in range(asked + 1)
    ]

    for bet in range(3):
        gains = [math.exp(log_gains(hits, asked, usual)[bet]) for hits in range(asked + 1)]
        assert sum(c * g for c, g in zip(chances, gains, strict=True)) <= 1 + 1e-9


def test_every_bet_gains_if_all_are_refused() -> None:
    assert min(log_gains(50, 50, USUAL_SHARE)) > 0


@pytest.mark.parametrize(
    ("refused", "asked", "usual"), [(0, 0, 0.01), (10, 100, 0.2), (9, 10, 0.99)]
)
def test_up_to_twice_what_was_seen_is_learnt(refused: int, asked: int, usual: float) -> None:
    assert learnt_share(refused, asked) == usual
