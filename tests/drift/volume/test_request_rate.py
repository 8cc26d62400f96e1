"""The rate of requests: quiet while it is within its bounds, soon found when it is not."""

from collections.abc import Callable

import numpy as np
import pytest

from goldenpath.drift.volume.request_rate import (
    DIRECTIONS,
    WEEK,
    RateProcess,
    hour_weight,
    log_gains,
    usual_rate,
)

Rate = Callable[[int], float]
WEIGHT = hour_weight(1.0)


def _office(hour: int) -> float:
    """Hundreds of requests in office hours, a few at night, none on Sundays."""
    if hour % WEEK >= 144:
        return 0.0
    return 400.0 if 8 <= hour % 24 < 18 else 3.0


def _run(rates: list[float], seed: int = 1, usual: Rate = _office) -> tuple[str, int] | None:
    """Return the direction and the number of hours of the first alarm after four usual weeks."""
    random, history = np.random.default_rng(seed), dict[int, int]()
    for hour in range(4 * WEEK):
        history[hour] = int(random.poisson(usual(hour)))
    processes = {direction: RateProcess(direction) for direction in DIRECTIONS}
    for number, rate in enumerate(rates):
        hour, requests = 4 * WEEK + number, int(random.poisson(rate))
        expected = usual_rate(history, hour)
        assert expected is not None
        history[hour] = requests
        for direction, process in processes.items():
            gains = log_gains(expected, direction, requests)
            processes[direction] = process.after(gains, hour, WEIGHT)
            if processes[direction].has_alarmed:
                return direction, number + 1
    return None


def _hours(number: int) -> range:
    return range(4 * WEEK, 4 * WEEK + number)


def test_usual_weeks_nights_and_free_days_raise_nothing() -> None:
    assert _run([_office(hour) for hour in _hours(6 * WEEK)]) is None


@pytest.mark.parametrize("factor", [0.6, 1.7])
def test_busy_and_slow_weeks_are_usual(factor: float) -> None:
    assert _run([factor * _office(hour) for hour in _hours(WEEK)]) is None


def test_days_that_differ_from_each_other_are_usual() -> None:
    days = np.random.default_rng(2).uniform(0.55, 1.8, 60)
    assert _run([days[hour // 24 % 60] * _office(hour) for hour in _hours(6 * WEEK)]) is None


@pytest.mark.parametrize(
    ("factor", "direction", "hours"),
    [(0.0, "fewer", 10), (0.2, "fewer", 10), (5.0, "more", 10), (50.0, "more", 5)],
)
def test_none_far_fewer_and_far_more_are_found_in_the_first_busy_hours(
    factor: float, direction: str, hours: int
) -> None:
    found = _run([factor * _office(hour) for hour in _hours(2 * WEEK)])

    assert found is not None and found[0] == direction
    assert found[1] <= hours


def test_silence_of_a_model_of_thirty_requests_a_day_takes_days() -> None:
    found = _run([0.0] * (2 * WEEK), usual=lambda hour: 30 / 24)

    assert found is not None and found[0] == "fewer"
    assert 24 <= found[1] <= 24 * 7


def test_an_hour_without_two_weeks_before_it_is_not_judged() -> None:
    assert usual_rate({}, 5 * WEEK) is None
    assert usual_rate({4 * WEEK: 9}, 5 * WEEK) is None
    assert usual_rate({4 * WEEK: 9, 3 * WEEK: 9}, 5 * WEEK) is not None


def test_a_bet_gains_nothing_on_average_at_any_usual_rate() -> None:
    usual = usual_rate({week * WEEK: 40 for week in range(4)}, 4 * WEEK)
    assert usual is not None
    random = np.random.default_rng(3)
    for rate in np.linspace(usual.low, usual.high, 5):
        for direction in DIRECTIONS:
            draws = [log_gains(usual, direction, int(n)) for n in random.poisson(rate, 1000)]
            assert (np.exp(draws).mean(axis=0) < 1.2).all()


def test_it_is_repaired_when_the_rate_is_usual_again_and_not_before() -> None:
    usual = usual_rate({week * WEEK: 40 for week in range(4)}, 4 * WEEK)
    assert usual is not None
    process = RateProcess("fewer", (1.0, 1.0, 1.0)).opened()
    for _ in range(20):
        process = process.after(log_gains(usual, "fewer", 0), 1, WEIGHT)
    assert not process.is_repaired

    for _ in range(3):
        process = process.after(log_gains(usual, "fewer", 40), 1, WEIGHT)
    assert process.is_repaired
