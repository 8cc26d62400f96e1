"""Time that passes does not stand still because somebody set the clock back."""

from datetime import UTC, datetime, timedelta

from goldenpath.times import ElapsedTime

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_it_counts_what_the_clock_goes_forward() -> None:
    elapsed = ElapsedTime()

    assert elapsed.at(NOON) == 0
    assert elapsed.at(NOON + timedelta(seconds=3)) == 3


def test_a_clock_that_is_set_back_goes_on_from_there() -> None:
    elapsed = ElapsedTime()
    elapsed.at(NOON)
    back = NOON - timedelta(hours=1)

    assert elapsed.at(back) == 0
    assert elapsed.at(back + timedelta(seconds=5)) == 5
