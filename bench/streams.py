"""Laws of rows without drift, from which the drift monitor gets its reference and its live rows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Random = np.random.Generator
Draw = Callable[[Random, int, int, int], Values]
"""Returns values of shape `(rows, columns)` of a day: random, day since 1970, rows, columns."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A law of rows, the same in the reference and afterwards."""

    name: str
    draw: Draw
    repeats: int = 1
    """How often each live row is asked on its day."""


def day_effect(size: float) -> Draw:
    """All rows of a day are moved together, by a normal amount of this size."""

    def draw(random: Random, day: int, rows: int, columns: int) -> Values:
        moved = random.normal(size=columns) * size
        return random.normal(size=(rows, columns)) + moved

    return draw


def autoregressive(power: float) -> Draw:
    """Each row depends on the row before it; a day begins anew."""

    def draw(random: Random, day: int, rows: int, columns: int) -> Values:
        values = random.normal(size=(rows, columns))
        values[1:] *= np.sqrt(1 - power**2)
        for place in range(1, rows):
            values[place] += power * values[place - 1]
        return values

    return draw


def weekends(size: float) -> Draw:
    """Saturdays and Sundays differ by this size."""

    def draw(random: Random, day: int, rows: int, columns: int) -> Values:
        is_weekend = (day + 3) % 7 >= 5
        return random.normal(size=(rows, columns)) + size * is_weekend

    return draw


def odd_days(every: int, size: float) -> Draw:
    """One day in so many is moved by this size, as by a campaign; each column has days of its own.

    It is the same number of days in every reference: a kind of day that a reference does not have
    is news to any rule.
    """

    def draw(random: Random, day: int, rows: int, columns: int) -> Values:
        is_odd = (day + 7 * np.arange(columns)) % every == 0
        values: Values = random.normal(size=(rows, columns)) + size * is_odd
        return values

    return draw


STREAMS = (
    Stream("independent rows", day_effect(0.0)),
    Stream("a day effect of 0.1 sd", day_effect(0.1)),
    Stream("a day effect of 0.2 sd", day_effect(0.2)),
    Stream("AR(1) 0.9", autoregressive(0.9)),
    Stream("each case asked five times", day_effect(0.0), repeats=5),
    Stream("weekends 0.5 sd off", weekends(0.5)),
    Stream("one day in 50 is 1 sd off", odd_days(50, 1.0)),
)
