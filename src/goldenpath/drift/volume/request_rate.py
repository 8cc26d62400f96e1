"""Whether the number of requests of each hour is usual: far fewer, none, or far more.

Every hour of the week is compared with the same hour of the past weeks. A rate between half and
double of what these weeks allow is usual, and may be another one in each hour: busy days and slow
growth are no alarm. Within these bounds the requests of an hour are taken to be a Poisson number.

Each complete hour multiplies the value of a bet on a certain rate beyond the bounds by a likelihood
ratio, whose denominator is the most likely usual rate. In each hour a bet also gets its share of
the budget. An alarm is raised when the bets of a direction reach 1 on average. So the expected
number of false alarms is at most the budget that was handed out (Shiryaev and Roberts).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from goldenpath.drift.budget import DAYS_A_YEAR
from goldenpath.drift.distance import gamma_quantile

Direction = Literal["fewer", "more"]

WEEK = 168
"""Hours of a week."""
FEWEST_WEEKS, MOST_WEEKS = 2, 8
"""An hour is judged if the same hour of so many weeks was observed."""
FACTOR = 2.0
_LEVEL = 0.999
VOLUME_SHARE = 0.05
"""Share of the alarm budget for both directions together."""
DIRECTIONS: tuple[Direction, ...] = ("fewer", "more")
_BETS: Mapping[Direction, tuple[float, ...]] = {"fewer": (0.02, 0.2, 0.5), "more": (2.0, 5.0, 20.0)}
"""Rates that are bet on, in relation to the end of what is usual."""
_REPAIRED = math.log(1000)


@dataclass(frozen=True, slots=True)
class UsualRate:
    """The smallest and the largest usual mean number of requests of one hour."""

    low: float
    high: float


def usual_rate(history: Mapping[int, int], hour: int) -> UsualRate | None:
    """Return the usual rate of an hour; None if it was observed in too few weeks.

    `history` has the number of requests of each observed hour since 1970.
    """
    before = [hour - week * WEEK for week in range(1, MOST_WEEKS + 1)]
    past = [history[each] for each in before if each in history]
    if len(past) < FEWEST_WEEKS:
        return None
    shape, weeks = sum(past) + 0.5, len(past)
    low = gamma_quantile(1 - _LEVEL, shape) / weeks / FACTOR
    return UsualRate(max(low, 1e-9), gamma_quantile(_LEVEL, shape) / weeks * FACTOR)


def log_gains(usual: UsualRate, direction: Direction, requests: int) -> tuple[float, ...]:
    """Return the logarithm of what each bet of a direction multiplies its value by."""
    if direction == "fewer":
        end, likeliest = usual.low, max(float(requests), usual.low)
    else:
        end, likeliest = usual.high, min(float(requests), usual.high)
    likeliest = max(likeliest, 1e-9)
    return tuple(
        requests * math.log(end * bet / likeliest) - (end * bet - likeliest)
        for bet in _BETS[direction]
    )


@dataclass(frozen=True, slots=True)
class RateProcess:
    """The bets of one direction. All values are natural logarithms."""

    direction: Direction
    values: tuple[float, ...] = (-math.inf,) * 3
    since: int = 0
    """The hour after which the evidence began to grow."""
    is_open: bool = False
    """Whether it has alarmed and is not repaired. Then `values` are gains since the alarm."""

    def value(self, weight: float) -> float:
        """Return the average of the bets, in relation to the weight of an hour."""
        highest = max(self.values)
        if highest == -math.inf:
            return -math.inf
        total = sum(math.exp(each - highest) for each in self.values)
        return highest + math.log(total / len(self.values)) - math.log(weight)

    def after(self, gains: tuple[float, ...], hour: int, weight: float) -> "RateProcess":
        """Return the process after an hour with these gains."""
        if self.is_open:
            # Evidence for the usual rate, which starts again whenever it is lost.
            lost = tuple(min(v + g, 0.0) for v, g in zip(self.values, gains, strict=True))
            return RateProcess(self.direction, lost, self.since, is_open=True)
        added = math.log(weight)
        values = tuple(
            _log_add(value, added) + gain for value, gain in zip(self.values, gains, strict=True)
        )
        is_rising = max(values) > added + math.log(10)
        return RateProcess(self.direction, values, self.since if is_rising else hour + 1)

    @property
    def has_alarmed(self) -> bool:
        """Whether the bets have reached 1."""
        return not self.is_open and self.value(1.0) >= 0

    @property
    def is_repaired(self) -> bool:
        """Whether the usual rate is a thousand times likelier than each bet since the alarm."""
        return self.is_open and max(self.values) <= -_REPAIRED

    def opened(self) -> "RateProcess":
        """Return the process of a change that was found."""
        return RateProcess(self.direction, (0.0,) * len(self.values), self.since, is_open=True)


def hour_weight(false_alarms_a_year: float) -> float:
    """Return the share of the budget that one hour of one direction gets."""
    hours = DAYS_A_YEAR * 24 * len(DIRECTIONS)
    return false_alarms_a_year * VOLUME_SHARE / hours


def _log_add(one: float, other: float) -> float:
    high, low = max(one, other), min(one, other)
    return high + math.log1p(math.exp(low - high)) if low > -math.inf else high
