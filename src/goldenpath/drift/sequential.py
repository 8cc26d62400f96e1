"""The drift decision: e-values over counts, valid at any look, with a yearly budget of alarms.

Each column has a process for each kind of change: a shift of its distribution, new codes, missing
values and refused values. For each kept start time and each process there is an e-value of the rows
since that start. A process alarms when its e-values, each times the weight of its start, add up to
1. The onset is the start that contributes most.

While nothing has changed, an e-value is at most 1 on average, at any time of looking. The weights
of all starts, columns and kinds in a year add up to the budget (see `budget`), but those of shifts
to `SHIFT_SLACK` times their share. So on average there are at most so many false alarms a year,
however the columns depend on each other: by proof for the other kinds, by simulation for shifts.

This holds on average over references, for independent rows of one distribution within the
tolerance. Counts of dependent rows are divided by the design effect that the reference shows. That
is an approximation without proof; docs/alarm-budget.md says what was simulated. Where the design
effect does not explain the days of the reference, whole days are ranked instead (see `days`).
Source: Shin, Ramdas, Rinaldo, E-detectors (2022); Wasserman et al., Universal inference (2020).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from goldenpath.drift.budget import DAYS_A_YEAR, start_weight
from goldenpath.drift.counting import Counts
from goldenpath.drift.days.rank_bets import BETS, log_value
from goldenpath.drift.days.whole_days import DayColumn, DaysInProgress, day_columns, day_ended
from goldenpath.drift.pairs.pair_tests import PAIR_SHARE, PairTests
from goldenpath.drift.profile import Bins, Profile
from goldenpath.drift.rates import COMMON, RateReference, RateTests
from goldenpath.drift.seasons import DAY
from goldenpath.drift.shares.group_days import GROUP_SHARE
from goldenpath.drift.shares.refusal_share import REFUSAL_SHARE
from goldenpath.drift.shift import Effects, ShiftTest, Window, shift_tests
from goldenpath.drift.volume.request_rate import VOLUME_SHARE
from goldenpath.project.spec import MonitorSettings

Array = NDArray[np.float64]
ChangeKind = Literal["shift", "new code", "missing", "refused", "pair"]

KINDS: tuple[ChangeKind, ...] = ("shift", "new code", "missing", "refused")
"""The kinds of change of a column."""
PAIR: ChangeKind = "pair"
"""Two features go together otherwise than in the reference."""
BUDGET_SHARES = (0.5, 0.3, 0.1, 0.1)
"""How the budget of a column is divided among its kinds."""
SHIFT_SLACK = 16.0
"""How many times the weights of shifts exceed their share of the budget.

Markov's inequality is not sharp here: evidence overshoots its threshold, and dropped starts are
lost. `bench/alarms.py` counts alarms; with this number they are fewer than the budget allows.
"""
DAYS_SLACK = 8.0
"""The same where whole days are ranked: ranks come nearer to that inequality."""
MOST_DAILY = 0.01
"""Weight of the shifts of a column in a day above which there is no slack: what was simulated.

With a larger budget Markov's inequality is nearly sharp: at 10 a year there were 19 alarms.
"""
SNAPSHOT_FLOOR = 0.2
"""The PSI that counts as usual if the reference is from one moment: the common rule of thumb."""
SNAPSHOT_FACTOR = 2.0
"""How many times the share of a rare value is usual if the reference is from one moment."""
RARE_TOLERANCE = 0.0003
"""A share of new, missing or refused values up to this is not drift."""
PER_OCTAVE = 4
"""Start times kept between an age and twice that age. Starts up to twice this age are all kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Detector:
    """The constants of the drift detector of one release."""

    profile: Profile
    false_alarms_a_year: float
    floor: float
    """A shift up to this PSI is not drift."""
    shifts: Sequence[ShiftTest]
    rates: Sequence[RateTests]
    """For new codes, missing and refused values."""
    effects: Effects
    is_clustered: NDArray[np.bool_]
    """For each kind of rate and column, whether the column's design effect applies to it."""
    empty: NDArray[np.bool_]
    """The bins that are empty in the reference; not those of missing values."""
    missing: NDArray[np.intp]
    """The position of the bin of missing values of each column."""
    firsts: NDArray[np.intp]
    """The position of the first bin of each column."""
    log_shares: Array
    """Logarithm of the share of the budget of each kind in each column."""
    days: tuple[DayColumn, ...] = ()
    """The columns whose shifts are judged by whole days."""
    pairs: PairTests | None = None
    """The tests of pairs of features, which get a part of the budget of their own."""

    @classmethod
    def of(
        cls, profile: Profile, settings: MonitorSettings, *, slack: float = SHIFT_SLACK
    ) -> "Detector":
        """Return the detector of a profile, with the tolerance and alarm budget of the contract.

        With a `slack` of 1 the budget of shifts holds by proof, as one look at a batch needs it.
        """
        columns = profile.columns
        places = [place for _, place in profile.slices()]
        floor = settings.floor_psi
        if floor is None:
            floor = 0.0 if profile.has_periods else SNAPSHOT_FLOOR
        factor = 1.0 if profile.has_periods else SNAPSHOT_FACTOR
        pairs = None
        if profile.pairs is not None:
            pairs = PairTests.of(profile.pairs, has_periods=profile.has_periods)
        of_columns = 1 - VOLUME_SHARE - REFUSAL_SHARE - GROUP_SHARE
        of_columns -= 0.0 if pairs is None else PAIR_SHARE
        shares = of_columns * np.array(BUDGET_SHARES) / len(columns)
        daily = float(shares[0]) * settings.false_alarms_a_year / DAYS_A_YEAR
        shares[0] *= min(slack, max(MOST_DAILY / daily, 1.0))
        return cls(
            profile=profile,
            false_alarms_a_year=settings.false_alarms_a_year,
            floor=floor,
            shifts=shift_tests(columns, [place.start for place in places], floor),
            rates=[
                RateTests.of(found, tolerance=RARE_TOLERANCE, factor=factor)
                for found in zip(*map(_rate_references, columns), strict=True)
            ],
            is_clustered=np.array([_is_clustered(bins) for bins in columns]).T,
            effects=Effects.of(columns),
            empty=np.concatenate([_empty(bins) for bins in columns]),
            missing=np.array([place.stop - 1 for place in places]),
            firsts=np.array([place.start for place in places]),
            log_shares=np.log(shares),
            days=day_columns(columns, [place.start for place in places]),
            pairs=pairs,
        )


def _empty(bins: Bins) -> NDArray[np.bool_]:
    is_empty: NDArray[np.bool_] = np.array(bins.counts) == 0
    is_empty[-1] = False
    return is_empty


def _is_clustered(bins: Bins) -> tuple[bool, bool, bool]:
    """Return whether new, missing and refused values come as dependent as the column's values.

    Numbers beyond the range do, and missing values that are common in the reference. How codes
    cluster that the reference does not have, it cannot show: one is taken as one.
    """
    return bool(bins.edges), bins.counts[-1] > COMMON * sum(bins.counts), False


def _rate_references(bins: Bins) -> tuple[RateReference, ...]:
    hits = (0, bins.counts[-1], 0)
    # Beyond the range of a sample lie two values in `rows + 1` on average.
    priors = (2.0 if bins.edges else 0.5, 0.5, 0.5)
    effects = [bins.dependence.day_effect if found else 1.0 for found in _is_clustered(bins)]
    rows = sum(bins.counts)
    return tuple(
        RateReference(number / effect, rows / effect, prior)
        for number, effect, prior in zip(hits, effects, priors, strict=True)
    )


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """The counts since each kept start time. The most recent start is last."""

    looks: int
    starts: tuple[int, ...]
    """For each start, the number of looks before it."""
    times: tuple[int, ...]
    """For each start, when its first row arrived, in seconds since 1970."""
    weights: tuple[float, ...]
    """For each start, its share of the budget of false alarms; see `budget`."""
    days: NDArray[np.int64]
    """For each start, the number of days with rows since then."""
    counts: NDArray[np.int64]
    """Of shape `(starts, bins)`."""
    cells: NDArray[np.int64]
    """Rows in each cell of the season, shape `(starts, cells)`."""
    refused: NDArray[np.int64]
    """Of shape `(starts, columns)`."""
    refusals: NDArray[np.int64]
    today: int = -1
    """The day of the last look, as a number since 1970."""
    opened_today: int = 0
    opened_before: int = 0
    """Starts of the last day with rows, and of the one before it."""
    in_progress: DaysInProgress | None = None
    """The day that has not ended; None before the first look."""
    gains: Array | None = None
    """Log gains of the bets on whole days since each start, shape `(starts, day columns, bets)`."""
    pairs: NDArray[np.int64] | None = None
    """Rows of each pair alike, and with both values; shape `(starts, 2, pairs)`."""

    @classmethod
    def fresh(cls, profile: Profile) -> "State":
        """Return the state before the first look."""
        shapes = ((0, profile.size), (0, profile.cells), (0, len(profile.columns)))
        counts, cells, refused = (np.zeros(shape, np.int64) for shape in shapes)
        none = np.zeros(0, np.int64)
        return cls(0, (), (), (), none, counts, cells, refused, none)

    @property
    def rows(self) -> NDArray[np.int64]:
        """Number of answered rows since each start."""
        result: NDArray[np.int64] = self.cells.sum(axis=1)
        return result

    def since(self, position: int) -> Counts:
        """Return the counts since the start at `position`."""
        return Counts(
            self.counts[position],
            self.cells[position],
            self.refused[position],
            int(self.refusals[position]),
            np.zeros((2, 0), np.int64) if self.pairs is None else self.pairs[position],
        )

    def window(self) -> Window:
        """Return the counts of all starts, as the tests take them."""
        return Window(
            self.counts.astype(np.float64),
            self.cells.astype(np.float64),
            self.days.astype(np.float64),
            self.refused.astype(np.float64),
            self.refusals.astype(np.float64),
            self.gains,
            None if self.pairs is None else self.pairs.astype(np.float64),
        )


def look(detector: Detector, state: State, counts: Counts, seconds: int) -> State:
    """Add the rows counted since the last look. `seconds` is when the first of them arrived."""
    today = seconds // DAY
    is_new_day = today != state.today
    opened, before = state.opened_today, state.opened_before
    if is_new_day:
        opened, before = 0, opened
    weight = start_weight(opened, before, detector.false_alarms_a_year)
    looks = state.looks + 1
    kept = [i for i, start in enumerate(state.starts) if _is_kept(start, looks - start)]
    in_progress, gains = _days_after(detector, state, is_new_day=is_new_day)

    def grown(old: NDArray[np.int64], new: NDArray[np.int64] | int) -> NDArray[np.int64]:
        return np.concatenate([old[kept] + new, np.array(new, np.int64)[None]])

    return State(
        looks,
        (*(state.starts[i] for i in kept), state.looks),
        (*(state.times[i] for i in kept), seconds),
        (*(state.weights[i] for i in kept), weight),
        np.concatenate([state.days[kept] + int(is_new_day), np.ones(1, np.int64)]),
        grown(state.counts, counts.values),
        grown(state.cells, counts.cells),
        grown(state.refused, counts.refused),
        grown(state.refusals, counts.refusals),
        today,
        opened + 1,
        before,
        in_progress.plus(counts),
        np.concatenate([gains[kept], np.zeros((1, len(detector.days), BETS))]),
        grown(_pairs_before(state, counts), counts.pairs),
    )


def _pairs_before(state: State, counts: Counts) -> NDArray[np.int64]:
    """Return the counts of pairs since each start; none for a state that was kept without them."""
    if state.pairs is not None and state.pairs.shape[1:] == counts.pairs.shape:
        return state.pairs
    return np.zeros((len(state.starts), *counts.pairs.shape), np.int64)


def _days_after(
    detector: Detector, state: State, *, is_new_day: bool
) -> tuple[DaysInProgress, Array]:
    """Return the day in progress and the gains since each start, before the next look is added."""
    number, profile = len(detector.days), detector.profile
    current, gains = state.in_progress, state.gains
    if current is None or gains is None:
        current = DaysInProgress.fresh(profile.size, profile.cells, number)
        gains = np.zeros((len(state.starts), number, BETS))
    if not is_new_day or not state.looks or not number:
        return current, gains
    current, gained, begun = day_ended(detector.days, current, state.today, state.looks)
    # A day counts for the starts before its first row only.
    is_whole = np.array(state.starts)[:, None] <= np.array(begun)
    return current, gains + is_whole[..., None] * gained


def _is_kept(start: int, age: int) -> bool:
    # Dropping a start loses chances to see a drift, never the bound on false alarms.
    octave = max((age // PER_OCTAVE).bit_length() - 1, 0)
    return start % (1 << octave) == 0


def log_evidence(detector: Detector, window: Window) -> Array:
    """Return the logarithm of the e-values, shape `(starts, columns, kinds)`.

    A process that a column does not have stays at minus infinity.
    """
    starts, columns = len(window.counts), len(detector.profile.columns)
    result = np.full((starts, columns, len(KINDS)), -math.inf)
    for test in detector.shifts:
        result[:, test.columns, 0] = test.evidence(window)
    if window.gains is not None:
        ranked = log_value(window.gains) - math.log(SHIFT_SLACK / DAYS_SLACK)
        result[:, [column.place for column in detector.days], 0] = ranked
    rows = window.rows[:, None]
    effects = detector.effects.at(rows / np.maximum(window.days, 1)[:, None])
    new = np.add.reduceat(window.counts * detector.empty, detector.firsts, axis=1)
    asked = rows + window.refusals[:, None]
    hits = (new, window.counts[:, detector.missing], window.refused)
    totals = (rows, rows, asked)
    for kind, (rate, found, total) in enumerate(zip(detector.rates, hits, totals, strict=True)):
        effect = np.where(detector.is_clustered[kind], effects, 1.0)
        result[:, :, kind + 1] = rate.evidence(found / effect, total / effect)
    return result


def pair_excess(detector: Detector, state: State, window: Window) -> tuple[Array, Array]:
    """Return the log e-values of pairs, shape `(starts, pairs)`, and those that raise an alarm."""
    if detector.pairs is None or window.pairs is None:
        return np.zeros((len(state.starts), 0)), np.zeros((len(state.starts), 1))
    thresholds = -(np.log(np.array(state.weights)) + detector.pairs.log_share)
    return detector.pairs.evidence(window.pairs), thresholds[:, None]


def log_thresholds(detector: Detector, state: State) -> Array:
    """Return the logarithms of the e-values that raise an alarm, shape `(starts, 1, kinds)`."""
    weights = np.log(np.array(state.weights))
    result: Array = -(weights[:, None, None] + detector.log_shares)
    return result
