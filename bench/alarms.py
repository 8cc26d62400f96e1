"""False alarms a year of the drift monitor, over many model-years of streams without drift.

Models are simulated side by side: the columns of one wide profile are the two columns of many
models, with a budget of one alarm a year for each model. Thresholds depend on a column's share of
the budget only, so this is what each model alone would do. Every alarm counts, and its process
starts again at once.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.measurement import Measurement
from goldenpath.drift.changes import Process, changes
from goldenpath.drift.counting import Counts, count
from goldenpath.drift.distance import gamma_quantile
from goldenpath.drift.profile import Floats, Profile
from goldenpath.drift.reference_profile import ReferenceTimes, build_profile
from goldenpath.drift.seasons import DAY
from goldenpath.drift.sequential import Detector, State, look
from goldenpath.project.spec import Band, Contract, DecisionPolicy, Feature, MonitorSettings

YEARS = int(os.environ.get("GOLDENPATH_BENCH_MODEL_YEARS", "1000"))
SIDE_BY_SIDE = 50
"""Models that are simulated at once."""
REFERENCE_DAYS, ROWS_A_DAY, LOOKS_A_DAY = 100, 1000, 2
DAYS_A_YEAR = 365
LEVEL = 0.95
FIRST_DAY = 20_000
"""Of the reference, in days since 1970; it is a Thursday, and 100 days begin with no season."""

Random = np.random.Generator
Draw = Callable[[Random, int, int, int], NDArray[np.float64]]
"""Returns values of shape `(rows, columns)` of a day: random, day since 1970, rows, columns."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A law of rows, the same in the reference and afterwards."""

    name: str
    draw: Draw


def day_effect(size: float) -> Draw:
    """All rows of a day are moved together, by a normal amount of this size."""

    def draw(random: Random, day: int, rows: int, columns: int) -> NDArray[np.float64]:
        moved = random.normal(size=columns) * size
        return random.normal(size=(rows, columns)) + moved

    return draw


def autoregressive(power: float) -> Draw:
    """Each row depends on the row before it; a day begins anew."""

    def draw(random: Random, day: int, rows: int, columns: int) -> NDArray[np.float64]:
        values = random.normal(size=(rows, columns))
        values[1:] *= np.sqrt(1 - power**2)
        for place in range(1, rows):
            values[place] += power * values[place - 1]
        return values

    return draw


def weekends(size: float) -> Draw:
    """Saturdays and Sundays differ by this size."""

    def draw(random: Random, day: int, rows: int, columns: int) -> NDArray[np.float64]:
        is_weekend = (day + 3) % 7 >= 5
        return random.normal(size=(rows, columns)) + size * is_weekend

    return draw


STREAMS = (
    Stream("independent rows", day_effect(0.0)),
    Stream("a day effect of 0.1 sd", day_effect(0.1)),
    Stream("a day effect of 0.2 sd", day_effect(0.2)),
    Stream("AR(1) 0.9", autoregressive(0.9)),
    Stream("weekends 0.5 sd off", weekends(0.5)),
)


def run() -> Iterator[Measurement]:
    """The false alarms of each stream."""
    for number, stream in enumerate(STREAMS):
        alarms, years = false_alarms(stream, YEARS, np.random.default_rng(number))
        highest = upper_bound(alarms, years)
        yield Measurement(
            18,
            f"false alarms a model-year, budget 1: {stream.name}",
            alarms / years,
            "a year",
            goal=1,
            holds=highest <= 1,
            note=f"{alarms} in {years} model-years; 95 % bound {highest:.3f}",
        )


def upper_bound(alarms: int, years: int) -> float:
    """Return the upper 95 percent bound of alarms a year, exact for a Poisson number."""
    return gamma_quantile(LEVEL, alarms + 1) / years


def false_alarms(stream: Stream, years: int, random: Random) -> tuple[int, int]:
    """Return the number of alarms in at least so many model-years, and the model-years."""
    alarms = done = 0
    while done < years:
        alarms += _year(stream, min(SIDE_BY_SIDE, years - done), random)
        done += min(SIDE_BY_SIDE, years - done)
    return alarms, done


def _year(stream: Stream, models: int, random: Random) -> int:
    columns = 2 * models
    profile = _reference(stream, columns, random)
    detector = Detector.of(profile, MonitorSettings(false_alarms_a_year=float(models)))
    state, after, alarms = State.fresh(profile), dict[Process, int](), 0
    for day in range(FIRST_DAY + REFERENCE_DAYS, FIRST_DAY + REFERENCE_DAYS + DAYS_A_YEAR):
        values = stream.draw(random, day, ROWS_A_DAY, columns)
        seconds = day * DAY + np.arange(ROWS_A_DAY) * (DAY // ROWS_A_DAY)
        for part in np.array_split(np.arange(ROWS_A_DAY), LOOKS_A_DAY):
            counts = _counts(profile, values[part], seconds[part])
            state = look(detector, state, counts, int(seconds[part[0]]))
            for change in changes(detector, state, after):
                if not change.is_alarm:
                    break
                alarms += 1
                after[change.feature, change.kind] = state.looks
    return alarms


def _reference(stream: Stream, columns: int, random: Random) -> Profile:
    days = range(FIRST_DAY, FIRST_DAY + REFERENCE_DAYS)
    values = np.concatenate([stream.draw(random, day, ROWS_A_DAY, columns) for day in days])
    times = np.concatenate(
        [day * DAY + np.arange(ROWS_A_DAY) * (DAY // ROWS_A_DAY) for day in days]
    ).astype(np.int64)
    features = tuple(Feature(f"x{place}", "number") for place in range(columns - 1))
    decision = DecisionPolicy((Band("low", 0.5, "accept"), Band("high", 1.01, "decline")))
    contract = Contract("bench", features, "p", decision, MonitorSettings())
    rows, scores = _row_and_score(values)
    table = {f"x{place}": rows[:, place] for place in range(columns - 1)}
    return build_profile(contract, table, scores, times=ReferenceTimes(times, times))


def _counts(profile: Profile, values: NDArray[np.float64], seconds: NDArray[np.int64]) -> Counts:
    rows, scores = _row_and_score(values)
    return count(profile, rows, scores, seconds)


def _row_and_score(values: NDArray[np.float64]) -> tuple[Floats, Floats]:
    """Return the features, and the last column as a score between 0 and 1."""
    rows = values.astype(np.float32)
    return rows[:, :-1], (1 / (1 + np.exp(-rows[:, -1]))).astype(np.float32)
