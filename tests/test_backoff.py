"""Back-off: doubled pauses between a first and a longest one."""

from datetime import timedelta

import pytest

from goldenpath.backoff import longer_pause, pause_after


def test_the_pause_doubles_up_to_the_longest() -> None:
    pauses = [pause_after(failures, first=0.5, longest=3.0) for failures in range(5)]

    assert pauses == [0.5, 1.0, 2.0, 3.0, 3.0]


@pytest.mark.parametrize("failures", [30, 1_000, 10**9])
def test_any_number_of_failures_has_a_pause(failures: int) -> None:
    assert pause_after(failures, first=0.5, longest=60.0) == 60.0


def test_a_pause_grows_from_nothing_to_the_longest() -> None:
    first, longest = timedelta(seconds=5), timedelta(seconds=12)

    pause, pauses = timedelta(0), []
    for _ in range(4):
        pause = longer_pause(pause, first=first, longest=longest)
        pauses.append(pause.total_seconds())

    assert pauses == [5, 10, 12, 12]
