"""Dependence between rows, measured over the periods of the reference.

The rows of a day are seldom independent: one campaign, one outage or one customer shapes many. The
*design effect* of a window is the variance of its counts, divided by that of independent rows. We
take the direction in which it is largest: the largest eigenvalue of the covariance of the windows'
standardised counts. Sampling alone makes that eigenvalue larger than 1, which is corrected.

Source: Kish, Survey Sampling (1965); Baik and Silverstein, Eigenvalues of spiked models (2006).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goldenpath.drift.distance import chi_squared_quantile
from goldenpath.drift.seasons import CELLS, Season, cells, days

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

SHORT_PIECES = 8
"""Each day is cut into so many windows to see how the effect grows with the size of a window."""
FEWEST_PERIODS = 8
"""With fewer days the design effect of a day is unknown."""
FEWEST_DAYS_IN_CELL = 4
"""A cell of a season needs rows of so many days."""
SINGLE: tuple[Season, ...] = ("weekday", "hour")
SEASON_LEVEL = 0.9999
_FEW_WINDOWS = 150.0
"""By this number, divided by the squared number of windows, a design effect is enlarged.

Few days say little: with 20 of them it is 1.4 times as large, with 100 as it is.
"""


@dataclass(frozen=True, slots=True)
class Dependence:
    """The design effects of one column, for short windows and for whole days.

    The defaults are those of independent rows.
    """

    short_rows: float = 1.0
    short_effect: float = 1.0
    day_rows: float = 1.0
    day_effect: float = 1.0

    @property
    def power(self) -> float:
        """The power of the rows of a day with which the excess above 1 grows.

        It is 0 if rows depend on their neighbours, and 1 if all rows of a day move together.
        """
        low, high = self.short_effect - 1, self.day_effect - 1
        if low <= 0 or high <= 0 or self.day_rows <= self.short_rows:
            return 1.0
        return min(math.log(max(high / low, 1.0)) / math.log(self.day_rows / self.short_rows), 1.0)


INDEPENDENT = Dependence()


def design_effect(counts: Whole, rows: Whole, scores: Array | None = None) -> float:
    """Return the largest design effect of windows.

    `counts` has shape `(windows, bins)`. `rows` has shape `(windows, cells)`: the rows of each
    window in each cell of the season, within which one distribution is expected. `scores` are
    numbers of the bins. The effect on their mean is looked at as well: one direction alone shows a
    smaller effect than the largest of all.
    """
    totals = rows.sum(axis=0)
    used = totals > 0
    windows, freedom = len(counts), len(counts) - int(used.sum())
    if freedom < FEWEST_PERIODS - 1:
        return 1.0
    shares = _cell_shares(counts, rows[:, used])
    expected = rows[:, used] @ shares
    is_common = (expected > 0).all(axis=0)
    if is_common.sum() < 2:
        return 1.0
    expected = expected[:, is_common]
    residual = (counts[:, is_common] - expected) / np.sqrt(expected)
    largest = float(np.linalg.eigvalsh(residual.T @ residual / freedom)[-1])
    found = _population_eigenvalue(largest, (int(is_common.sum()) - 1) / freedom)
    if scores is not None:
        found = max(found, _effect_on_mean(residual, expected, scores[is_common], freedom))
    return found * (1 + _FEW_WINDOWS / windows**2) if found > 1 else 1.0


def _effect_on_mean(residual: Array, expected: Array, scores: Array, freedom: int) -> float:
    """Return the variance of the mean score of windows, divided by that of independent rows."""
    shares = expected.sum(axis=0) / expected.sum()
    direction = np.sqrt(shares) * (scores - shares @ scores)
    length = float(direction @ direction)
    return float(((residual @ direction) ** 2).sum()) / freedom / length if length > 0 else 1.0


def _cell_shares(counts: Whole, rows: Whole) -> Array:
    """Return the shares of each cell by least squares: windows may lie in several cells."""
    if rows.shape[1] == 1 or (np.count_nonzero(rows, axis=1) == 1).all():
        sums = (rows > 0).T.astype(np.float64) @ counts
        result: Array = sums / sums.sum(axis=1, keepdims=True)
        return result
    shares = np.linalg.lstsq(rows.astype(np.float64), counts.astype(np.float64), rcond=None)[0]
    return np.clip(shares, 0.0, None)


def _population_eigenvalue(sample: float, ratio: float) -> float:
    """Return the population's largest eigenvalue; `ratio` is bins by windows."""
    if sample <= (1 + math.sqrt(ratio)) ** 2:
        return 1.0
    middle = sample + 1 - ratio
    return (middle + math.sqrt(max(middle * middle - 4 * sample, 0.0))) / 2


@dataclass(frozen=True, slots=True, eq=False)
class TimedBins:
    """The bin of each row of a column, from 0 on, for the bins that are common."""

    positions: Whole
    size: int
    scores: Array | None = None
    """Normal scores of the bins; None for a category, which has no order."""


def measured_dependence(column: TimedBins, seconds: Whole, season: Season) -> Dependence:
    """Return the dependence of one column. Rows may come in any order of time."""
    if not len(seconds):
        return INDEPENDENT  # a column without common bins
    order = np.argsort(seconds, kind="stable")
    times, positions = seconds[order], column.positions[order]
    day = np.cumsum(np.diff(days(times), prepend=days(times[:1])) != 0)
    number = int(day[-1]) + 1
    if number < FEWEST_PERIODS:
        return INDEPENDENT
    first = np.searchsorted(day, np.arange(number))
    sizes = np.diff([*first, len(day)])
    piece = (np.arange(len(day)) - first[day]) * SHORT_PIECES // sizes[day]
    cell = cells(season, times)
    whole = _effect_of(day, number, positions, cell, column=column, season=season)
    short = _effect_of(
        day * SHORT_PIECES + piece, number * SHORT_PIECES, positions, cell,
        column=column, season=season,
    )  # fmt: skip
    rows = len(day) / number
    return Dependence(max(rows / SHORT_PIECES, 1.0), min(short, whole), max(rows, 1.0), whole)


def _effect_of(
    window: Whole, number: int, positions: Whole, cell: Whole, *, column: TimedBins, season: Season
) -> float:
    size = column.size
    counts = np.bincount(window * size + positions, minlength=number * size)
    width = CELLS[season]
    rows = np.bincount(window * width + cell, minlength=number * width)
    kept = np.bincount(window, minlength=number) > 0
    table = counts.reshape(number, size)[kept]
    return design_effect(table, rows.reshape(number, width)[kept], column.scores)


def season_of(columns: Sequence[tuple[TimedBins, Whole]]) -> Season:
    """Return the season that the reference shows, `none` unless it is beyond doubt.

    `columns` are the rows of each column in common bins, with their times.
    """
    shown: list[Season] = [
        season
        for season in SINGLE
        if all(_is_covered(season, seconds) for _, seconds in columns)
        and any(_differs(*each, season, tests=2 * len(columns)) for each in columns)
    ]
    both: Season = "weekday and hour"
    if len(shown) == 2 and all(_is_covered(both, seconds) for _, seconds in columns):
        return both
    return shown[0] if shown else "none"


def _is_covered(season: Season, seconds: Whole) -> bool:
    cell, day = cells(season, seconds), days(seconds)
    pairs = np.unique(np.stack([cell, day]), axis=1)
    number = np.bincount(pairs[0], minlength=CELLS[season])
    return bool((number[number > 0] >= FEWEST_DAYS_IN_CELL).all() and (number > 0).sum() > 1)


def _differs(column: TimedBins, seconds: Whole, season: Season, *, tests: int) -> bool:
    """Return whether the cells of the season differ by more than the windows within them."""
    cell, width = cells(season, seconds), CELLS[season]
    counts = np.bincount(cell * column.size + column.positions, minlength=width * column.size)
    counts = counts.reshape(width, column.size)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if counts.shape[1] < 2:
        return False
    rows = counts.sum(axis=1, keepdims=True)
    expected = rows * (counts.sum(axis=0) / counts.sum())
    statistic = float(((counts - expected) ** 2 / expected).sum())
    freedom = (counts.shape[0] - 1) * (counts.shape[1] - 1)
    window = np.unique(days(seconds) * 168 + cell, return_inverse=True)[1]
    effect = _effect_of(
        window, int(window.max()) + 1, column.positions, cell, column=column, season=season
    )
    level = 1 - (1 - SEASON_LEVEL) / tests
    return statistic / effect > chi_squared_quantile(level, freedom)
