"""Columns whose days are ranked, and the day in progress.

Such a column is judged by whole days only. A day ends with the first row of a later day. One with
fewer rows than the days of the reference is joined with the days after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goldenpath.drift.alternatives import normal_scores
from goldenpath.drift.counting import Counts
from goldenpath.drift.days.rank_bets import BETS, log_gains
from goldenpath.drift.days.ranked_days import RankedDays, day_numbers, day_seed, drawn
from goldenpath.drift.profile import Bins
from goldenpath.drift.shift import cell_counts, cell_shares, common_bins

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

MOST_DAYS = 400
"""Days since the release went live that are kept to rank later days among."""


@dataclass(frozen=True, slots=True, eq=False)
class DayColumn:
    """One column that is judged by whole days."""

    place: int
    """Position of the column in the profile."""
    positions: NDArray[np.intp]
    """Positions of its common bins in the vector of counts."""
    shares: Array
    """Reference shares of these bins, shape `(cells, n)`."""
    scores: Array
    """Normal scores of these bins; zeros in a category."""
    reference: RankedDays

    @classmethod
    def of(cls, bins: Bins, place: int, start: int, reference: RankedDays) -> "DayColumn":
        """Return the column at `place`, whose first bin is at `start`."""
        common = common_bins(bins)
        shares = cell_shares(cell_counts(bins)[:, None, common])[:, 0]
        scores = bin_scores(bins, common)
        return cls(place, start + common, shares, scores, reference)

    def numbers(self, counts: Whole, cells: Whole, day: int) -> tuple[float, float] | None:
        """Return oddness and move of a day; None if it has too few rows."""
        mine = counts[self.positions]
        if int(mine.sum()) < self.reference.rows:
            return None
        sample = drawn(mine, self.reference.rows, day_seed(day, self.place))
        weights = cells / max(int(cells.sum()), 1)
        return day_numbers(sample, weights @ self.shares, self.scores)

    def earlier(self, live: Array) -> Array:
        """Return the days to rank among: those of the reference, and those since."""
        of_reference = np.array([self.reference.oddness, self.reference.moves]).T
        return np.concatenate([of_reference, live])


def bin_scores(bins: Bins, common: NDArray[np.intp]) -> Array:
    """Return the normal scores of common bins; zeros in a category, which has no order."""
    if bins.kind == "category":
        return np.zeros(len(common))
    pooled = np.array(bins.counts, np.float64)[common] + 0.5
    return normal_scores(bins, common, pooled / pooled.sum())


def day_columns(columns: Sequence[Bins], starts: Sequence[int]) -> tuple[DayColumn, ...]:
    """Return the columns that are judged by whole days."""
    return tuple(
        DayColumn.of(bins, place, start, bins.ranked)
        for place, (bins, start) in enumerate(zip(columns, starts, strict=True))
        if bins.ranked is not None
    )


@dataclass(frozen=True, slots=True, eq=False)
class DaysInProgress:
    """What is counted of the day that has not ended, for every column that is judged by days."""

    values: Whole
    """The counts of all bins of the profile."""
    cells: Whole
    """Rows in each cell of the season, shape `(day columns, cells)`."""
    begun: tuple[int, ...]
    """The number of looks before the first one of the day."""
    live: tuple[Array, ...]
    """Oddness and move of the days since the release went live, shape `(days, 2)` each."""

    @classmethod
    def fresh(cls, size: int, cells: int, columns: int) -> "DaysInProgress":
        """Return the state before the first look."""
        none = np.zeros((0, 2))
        return cls(
            np.zeros(size, np.int64),
            np.zeros((columns, cells), np.int64),
            (0,) * columns,
            (none,) * columns,
        )

    def plus(self, counts: Counts) -> "DaysInProgress":
        """Return it with the counts of one more look."""
        return DaysInProgress(
            self.values + counts.values, self.cells + counts.cells, self.begun, self.live
        )


def day_ended(
    columns: Sequence[DayColumn], state: DaysInProgress, day: int, looks: int
) -> tuple[DaysInProgress, Array, tuple[int, ...]]:
    """Judge the day that ended after `looks` looks, and begin the next one.

    Return the new state, the log gains of the bets, shape `(columns, BETS)`, and for each column
    the number of looks before the day. Gains are zero for a column that the day has too few rows
    of; its rows are counted with the next day.
    """
    gains = np.zeros((len(columns), BETS))
    values, cells = state.values.copy(), state.cells.copy()
    begun, live = list(state.begun), list(state.live)
    for index, column in enumerate(columns):
        numbers = column.numbers(values, cells[index], day)
        if numbers is None:
            continue
        gains[index] = log_gains(column.earlier(live[index]), numbers)
        if len(live[index]) < MOST_DAYS:
            live[index] = np.concatenate([live[index], [numbers]])
        values[column.positions] = 0
        cells[index] = 0
        begun[index] = looks
    return DaysInProgress(values, cells, tuple(begun), tuple(live)), gains, state.begun
