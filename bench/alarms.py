"""False alarms a year of the drift monitor, and its delay, over many simulated model-years.

Models are simulated side by side: the columns of one wide profile are the two columns of many
models, with a budget of one alarm a year for each model. Thresholds depend on a column's share of
the budget only, so this is what each model alone would do. Every alarm counts, and its process
starts again at once. Settings are those of a new project.

`GOLDENPATH_BENCH_MODEL_YEARS` sets the model-years of each stream, `GOLDENPATH_BENCH_STREAMS` a
part of the names of the streams that are run.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from bench.fixed_windows import FixedWindow, best_window
from bench.measurement import Measurement
from bench.streams import STREAMS, Random, Stream, Values
from goldenpath.drift.changes import Process, changes
from goldenpath.drift.counting import Counts
from goldenpath.drift.distance import gamma_quantile
from goldenpath.drift.profile import Floats, Profile
from goldenpath.drift.reference_profile import ReferenceTimes, build_profile
from goldenpath.drift.seasons import DAY, cells
from goldenpath.drift.sequential import Detector, State, look
from goldenpath.observe.drift.subjects_seen import SubjectsSeen
from goldenpath.project.spec import Band, Contract, DecisionPolicy, Feature, MonitorSettings
from goldenpath.serve.record.spool_format import Answered

YEARS = int(os.environ.get("GOLDENPATH_BENCH_MODEL_YEARS", "1000"))
CHOSEN = os.environ.get("GOLDENPATH_BENCH_STREAMS", "")
SIDE_BY_SIDE = 50
"""Models that are simulated at once."""
REFERENCE_DAYS = 100
REFERENCES = {100_000: 1.3, 30_000: 1.5, 5_000: 3.5}
"""Rows of the reference, and how many times the delay of the best fixed window is the goal."""
SHIFTS = (0.2, 0.5)
"""Of one of the two columns, in standard deviations."""
DAYS_A_YEAR = 365
DELAY_DAYS = 60
"""A drift that is not found by then counts as found then."""
LEVEL = 0.95
FIRST_DAY = 20_000
"""Of the reference, in days since 1970; it is a Thursday, and 100 days begin with no season."""
SHIPPED = MonitorSettings()

Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class QuietYears:
    """Model-years without drift."""

    years: int
    alarms: int

    @property
    def bound(self) -> float:
        """The upper 95 percent bound of alarms a year, exact for a Poisson number."""
        return gamma_quantile(LEVEL, self.alarms + 1) / self.years


@dataclass(frozen=True, slots=True)
class Delay:
    """How soon a shift is found, in rows, and how soon by the best fixed window."""

    shift: float
    rows: float
    window: FixedWindow
    window_rows: float

    @property
    def ratio(self) -> float:
        """How many times as long as the best fixed window."""
        return self.rows / self.window_rows


def run() -> Iterator[Measurement]:
    """The false alarms and delays of each stream, at each size of the reference."""
    for number, stream in enumerate(STREAMS):
        if CHOSEN not in stream.name:
            continue
        for rows, goal in REFERENCES.items():
            random = np.random.default_rng(number)
            quiet, delays = measured(stream, rows, YEARS, random)
            where = f"{stream.name}, reference of {rows:,} rows"
            yield Measurement(
                18,
                f"false alarms a model-year: {where}",
                quiet.alarms / quiet.years,
                "a year",
                goal=1,
                holds=quiet.bound <= 1,
                note=f"{quiet.alarms} in {quiet.years} years; 95 % bound {quiet.bound:.3f}",
            )
            for delay in delays:
                yield Measurement(
                    18,
                    f"delay of {delay.shift} sd: {where}",
                    delay.ratio,
                    "x window",
                    goal=goal,
                    holds=delay.ratio <= goal,
                    note=f"{delay.rows:.0f} rows; best window {delay.window_rows:.0f} rows, "
                    f"{delay.window.rule} of {delay.window.looks} looks",
                )


def measured(
    stream: Stream, reference: int, years: int, random: Random
) -> tuple[QuietYears, list[Delay]]:
    """Return the alarms of at least so many model-years, and the delay of each shift.

    The delays are those of the first models only, against windows whose limit they set.
    """
    alarms = done = 0
    delays: list[Delay] = []
    while done < years:
        trial = Trial.of(stream, reference, min(SIDE_BY_SIDE, years - done), random)
        found, counts = trial.quiet(random)
        alarms += found
        if not done:
            delays = [trial.delay(shift, counts, random) for shift in SHIFTS]
        done += trial.models
    return QuietYears(done, alarms), delays


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Models side by side, with a reference of their own."""

    stream: Stream
    profile: Profile
    detector: Detector
    counter: "DecileCounter"
    rows_a_day: int
    models: int

    @classmethod
    def of(cls, stream: Stream, reference: int, models: int, random: Random) -> "Trial":
        """Draw a reference of so many rows and return its models."""
        rows = reference // REFERENCE_DAYS
        settings = MonitorSettings(false_alarms_a_year=SHIPPED.false_alarms_a_year * models)
        profile = _reference(stream, rows, settings, random)
        detector, counter = Detector.of(profile, settings), DecileCounter.of(profile)
        return cls(stream, profile, detector, counter, rows, models)

    @property
    def looks_a_day(self) -> int:
        """Number of looks of a day."""
        return -(-self.rows_a_day // SHIPPED.look_rows)

    def quiet(self, random: Random, days: int = DAYS_A_YEAR) -> tuple[int, Whole]:
        """Return the alarms of days without drift, and the counts `(looks, columns, bins)`."""
        state, after, alarms = State.fresh(self.profile), dict[Process, int](), 0
        kept: list[Whole] = []
        for day in range(days):
            for counts, seconds in self.day(day, 0.0, random):
                state = look(self.detector, state, counts, seconds)
                kept.append(self._by_column(counts))
                found = changes(self.detector, state, after)
                for change in takewhile(lambda each: each.is_alarm, found):
                    alarms += 1
                    after[change.feature, change.kind] = state.looks
        return alarms, np.array(kept)

    def delay(self, shift: float, quiet: Whole, random: Random) -> Delay:
        """Return how soon a shift of every second column is found, from a fresh state."""
        state, found = State.fresh(self.profile), dict[str, int]()
        kept: list[Whole] = []
        for day in range(DELAY_DAYS):
            for counts, seconds in self.day(day, shift, random):
                state = look(self.detector, state, counts, seconds)
                kept.append(self._by_column(counts)[::2])
                alarms = takewhile(lambda c: c.is_alarm, changes(self.detector, state, {}))
                for change in alarms:
                    found.setdefault(change.feature, state.looks)
        names = [bins.name for bins in self.profile.columns[::2]]
        rows_a_look = self.rows_a_day / self.looks_a_day
        looks = np.mean([found.get(name, len(kept)) for name in names])
        table = np.array([bins.counts[:_WIDTH] for bins in self.profile.columns], np.int64)
        budget = SHIPPED.false_alarms_a_year * self.models / 2
        window = best_window(table[::2], quiet[:, ::2], np.array(kept), expected_alarms=budget)
        return Delay(shift, float(looks) * rows_a_look, window, window.delay * rows_a_look)

    def day(self, day: int, shift: float, random: Random) -> Iterator[tuple[Counts, int]]:
        """Yield the counts of each look of a day, and when its first row arrived."""
        today = FIRST_DAY + REFERENCE_DAYS + day
        columns = len(self.profile.columns)
        values = self.stream.draw(random, today, self.rows_a_day, columns)
        values[:, ::2] += shift
        seconds = _seconds(today, self.rows_a_day)
        values, seconds = _asked_again(self, values, seconds, random)
        for part in np.array_split(np.arange(len(values)), self.looks_a_day):
            yield self.counter.counts(values[part], seconds[part]), int(seconds[part[0]])

    def _by_column(self, counts: Counts) -> Whole:
        return np.array(
            [counts.values[place.start : place.start + _WIDTH] for _, place in
             self.profile.slices()]
        )  # fmt: skip


_WIDTH = 10
"""Bins of a column of many values, without those of unseen and missing values."""


def _asked_again(
    trial: Trial, values: Values, seconds: Whole, random: Random
) -> tuple[Values, Whole]:
    """Return the rows that the monitor counts of a day on which each is asked several times."""
    if trial.stream.repeats == 1:
        return values, seconds
    order = random.permutation(np.repeat(np.arange(len(values)), trial.stream.repeats))
    rows, _ = _row_and_score(values[order])
    request = Answered("", 0, 0, 0, 0, 200, len(order), b"", b"")
    days = np.repeat(seconds[:1] // DAY, len(order))
    is_new = SubjectsSeen().is_new(trial.profile, [request], rows, days)
    return values[order][is_new], seconds[: int(is_new.sum())]


def _reference(
    stream: Stream, rows_a_day: int, settings: MonitorSettings, random: Random
) -> Profile:
    columns = 2 * int(settings.false_alarms_a_year / SHIPPED.false_alarms_a_year)
    days = range(FIRST_DAY, FIRST_DAY + REFERENCE_DAYS)
    values = np.concatenate([stream.draw(random, day, rows_a_day, columns) for day in days])
    times = np.concatenate([_seconds(day, rows_a_day) for day in days])
    features = tuple(Feature(f"x{place}", "number") for place in range(columns - 1))
    decision = DecisionPolicy((Band("low", 0.5, "accept"), Band("high", 1.01, "decline")))
    contract = Contract("bench", features, "p", decision, settings)
    rows, scores = _row_and_score(values)
    table = {f"x{place}": rows[:, place] for place in range(columns - 1)}
    profile = build_profile(contract, table, scores, times=ReferenceTimes(times, times))
    # A model with two columns has no pair of features.
    return replace(profile, pairs=None)


def _seconds(day: int, rows: int) -> Whole:
    return day * DAY + np.arange(rows, dtype=np.int64) * (DAY // rows)


@dataclass(frozen=True, slots=True, eq=False)
class DecileCounter:
    """Counts many columns of deciles at once; `goldenpath.drift.counting` goes one by one."""

    profile: Profile
    edges: Floats
    """Of shape `(11, columns)`."""

    @classmethod
    def of(cls, profile: Profile) -> "DecileCounter":
        """Return the counter of a profile whose columns have ten bins between edges."""
        edges = np.array([bins.edges for bins in profile.columns], np.float32).T
        if len(edges) != _WIDTH + 1 or any(bins.atoms for bins in profile.columns):
            raise ValueError("expected deciles in every column")
        return cls(profile, edges)

    def counts(self, values: Values, seconds: Whole) -> Counts:
        """Return the counts of rows without missing values."""
        rows, scores = _row_and_score(values)
        table = np.column_stack([rows, scores])
        above = np.stack([np.count_nonzero(table > edge, axis=0) for edge in self.edges[1:]])
        inside = np.vstack([np.count_nonzero(table >= self.edges[0], axis=0), above])
        within = -np.diff(inside, axis=0)
        unseen = len(table) - within.sum(axis=0)
        missing = np.zeros_like(unseen)
        counted = np.vstack([within, unseen, missing]).T.ravel().astype(np.int64)
        season = np.bincount(cells(self.profile.season, seconds), minlength=self.profile.cells)
        return replace(Counts.of(self.profile, counted, len(table)), cells=season)


def _row_and_score(values: Values) -> tuple[Floats, Floats]:
    """Return the features, and the last column as a score between 0 and 1."""
    rows = values.astype(np.float32)
    return rows[:, :-1], (1 / (1 + np.exp(-rows[:, -1]))).astype(np.float32)
