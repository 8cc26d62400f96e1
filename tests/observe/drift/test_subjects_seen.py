"""Which rows are one case asked again."""

import numpy as np

from goldenpath.observe.drift.subjects_seen import MOST_REPEATS, SubjectsSeen
from tests.observe.spooling import answer, draw, profile

TODAY, TOMORROW = 20_000, 20_001


def new_rows(seen: SubjectsSeen, rows: list[int], names: list[str] | None, day: int) -> list[bool]:
    """Which of these rows of one table, asked for by name, are new."""
    values = draw(50, 3)[rows]
    asked = [answer(0, values, subjects=names)]
    is_new = seen.is_new(profile(), asked, values, np.full(len(rows), day))
    return [bool(each) for each in is_new]


def test_a_person_with_the_same_inputs_counts_once_a_day() -> None:
    seen = SubjectsSeen()

    assert new_rows(seen, [0, 0, 0], ["a", "a", "b"], TODAY) == [True, False, True]
    assert new_rows(seen, [0], ["a"], TODAY) == [False]
    assert new_rows(seen, [0], ["a"], TOMORROW) == [True]


def test_a_person_with_other_inputs_is_another_case() -> None:
    seen = SubjectsSeen()

    assert new_rows(seen, [0, 1, 1], ["a", "a", "a"], TODAY) == [True, True, False]


def test_without_a_name_equal_inputs_count_again_when_they_never_end() -> None:
    seen = SubjectsSeen()

    many = new_rows(seen, [0] * (MOST_REPEATS + 5), None, TODAY)

    assert many == [True] + [False] * (MOST_REPEATS - 1) + [True] * 5
