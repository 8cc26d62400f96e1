"""How answers are counted in the walk."""

from collections import Counter

import pytest

from cluster.walk.load import Answers
from cluster.walk.traffic import is_split

STABLE, CANARY = "sha256:aa", "sha256:bb"


@pytest.mark.parametrize(
    ("canary", "percent", "is_right"),
    [(200, 10, True), (130, 10, False), (270, 10, False), (2000, 100, True), (1999, 100, False)],
)
def test_a_share_is_right_if_chance_explains_it(canary: int, percent: int, is_right: bool) -> None:
    answers = Answers(Counter({STABLE: 2000 - canary, CANARY: canary}))

    assert is_split(answers, CANARY, percent, 2000) is is_right


def test_a_lost_request_makes_no_share_right() -> None:
    answers = Answers(Counter({STABLE: 1799, CANARY: 200}), Counter({"status 503": 1}))

    assert answers.total == 2000
    assert not is_split(answers, CANARY, 10, 2000)
    assert "lost 1" in str(answers)
