"""Scales of plots: from values or moments to places on the drawing, with round ticks."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_SECONDS = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200,
    86_400, 172_800, 604_800, 1_209_600, 2_592_000, 7_776_000, 31_536_000,
    63_072_000, 157_680_000, 315_360_000, 1_576_800_000,
)  # fmt: skip
"""Steps between the ticks of a time axis."""
_DAY = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LinearScale:
    """Values between two places of a drawing; the places may fall as the values rise."""

    least: float
    most: float
    begin: float
    end: float

    def place(self, value: float) -> float:
        """Return the place of a value; what lies outside is put at the nearer end."""
        inside = min(max(value, self.least), self.most)
        return self.begin + (inside - self.least) / (self.most - self.least) * (
            self.end - self.begin
        )

    def ticks(self, wanted: int = 4) -> tuple[float, ...]:
        """Return about `wanted` round values, 1, 2 or 5 times a power of ten apart."""
        span = (self.most - self.least) / wanted
        power = 10.0 ** math.floor(math.log10(span))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= span * 0.999)
        first = math.ceil(self.least / step - 1e-9)
        last = math.floor(self.most / step + 1e-9)
        return tuple(number * step for number in range(first, last + 1))


@dataclass(frozen=True, slots=True)
class TimeScale:
    """Moments between two places of a drawing."""

    least: datetime
    most: datetime
    begin: float
    end: float

    def place(self, moment: datetime) -> float:
        """Return the place of a moment; what lies outside is put at the nearer end."""
        inside = min(max(moment, self.least), self.most)
        return self.begin + (inside - self.least) / (self.most - self.least) * (
            self.end - self.begin
        )

    def ticks(self, wanted: int = 3) -> Iterator[tuple[datetime, str]]:
        """Yield at most `wanted` and one round moments in UTC, each with its label."""
        span = (self.most - self.least).total_seconds() / wanted
        step = next((each for each in _SECONDS if each >= span), _SECONDS[-1])
        seconds = math.ceil((self.least - _EPOCH).total_seconds() / step) * step
        while (moment := _EPOCH + timedelta(seconds=seconds)) <= self.most:
            yield moment, _label(moment, step)
            seconds += step

    @property
    def words(self) -> str:
        """The name of the axis, with the day where the labels of the ticks lack it."""
        first, last = self.least.date(), self.most.date()
        days = f"{first}" if first == last else f"{first} to {last}"
        return f"time in UTC, {days}"


def linear_scale(values: Sequence[float], begin: float, end: float) -> LinearScale:
    """Return a scale that holds every value, with a little room at both ends."""
    least, most = min(values), max(values)
    room = (most - least) * 0.08 or abs(most) * 0.1 or 1.0
    return LinearScale(least - room, most + room, begin, end)


def time_scale(moments: Sequence[datetime], begin: float, end: float) -> TimeScale:
    """Return a scale that holds every moment, with a little room at both ends."""
    least, most = min(moments), max(moments)
    room = max((most - least) * 0.04, timedelta(seconds=1))
    return TimeScale(least - room, most + room, begin, end)


def tick_label(value: float) -> str:
    """Return a value as short as it stays exact for a tick."""
    return "0" if abs(value) < 1e-12 else f"{value:.6g}"


def _label(moment: datetime, step: int) -> str:
    if step >= _DAY:
        return f"{moment:%Y-%m-%d}"
    return f"{moment:%H:%M:%S}" if step < 60 else f"{moment:%H:%M}"
