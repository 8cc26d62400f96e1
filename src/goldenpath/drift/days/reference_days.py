"""Decides by the reference which columns are judged by whole days.

The design effect says how much the days of a column differ on average. It says too little where a
few days differ much more than the rest, such as those of a campaign: they raise alarms, and they
will come again. So the monitor is run over the days of the reference itself. A column that alarms
there is judged by the ranks of whole days.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from goldenpath.drift.changes import changes
from goldenpath.drift.counting import Counts
from goldenpath.drift.days.ranked_days import RankedDays, day_numbers, day_seed, drawn
from goldenpath.drift.days.whole_days import bin_scores
from goldenpath.drift.profile import Bins, Profile
from goldenpath.drift.seasons import CELLS, DAY, Season, cells, days
from goldenpath.drift.sequential import Detector, State, look
from goldenpath.drift.shift import cell_shares, common_bins
from goldenpath.project.spec import MonitorSettings

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

FEWEST_RANKED_DAYS = 20
MOST_REPLAYED = 400
"""Days of the reference, the last ones, over which the monitor is run."""
_REPLAY_SHARE = 0.2
"""Share of the budget with which the reference is judged: by chance few columns alarm there."""
_FAR, _FAR_OF_FEW = 3.8, 8.0
"""Deviations beyond which a day is an outlier: the first, plus the second by the root of days."""
_MEDIAN_TO_DEVIATION = 1.4826
"""Standard deviation of a normal distribution by its median distance from the middle."""
_SMALL_DAYS = 0.1
"""Share of the days that may have fewer rows than are drawn from each."""


@dataclass(frozen=True, slots=True, eq=False)
class _DayTable:
    """The rows of each day, cell of the season and bin."""

    days: Whole
    """Numbers of the days since 1970."""
    counts: Whole
    """Of shape `(days, cells, bins)`."""

    @classmethod
    def of(cls, positions: Whole, seconds: Whole, season: Season, bins: int) -> "_DayTable":
        known, day = np.unique(days(seconds), return_inverse=True)
        width = CELLS[season]
        flat = (day * width + cells(season, seconds)) * bins + positions
        counts = np.bincount(flat, minlength=len(known) * width * bins)
        return cls(known, counts.reshape(len(known), width, bins))

    def of_day(self, day: int) -> Whole:
        """Return the rows of one day, shape `(cells, bins)`; zeros if there are none."""
        place = int(np.searchsorted(self.days, day))
        is_known = place < len(self.days) and self.days[place] == day
        return self.counts[place] if is_known else np.zeros_like(self.counts[0])

    @property
    def cells(self) -> Whole:
        """Rows of each day in each cell."""
        result: Whole = self.counts.sum(axis=2)
        return result


@dataclass(frozen=True, slots=True, eq=False)
class BinnedRows:
    """The rows of one column: the bin and the time of each."""

    positions: Whole
    seconds: Whole


def with_ranked_days(
    profile: Profile, rows: Sequence[BinnedRows], settings: MonitorSettings
) -> Profile:
    """Return the profile with the days of the columns that are judged by whole days.

    With fewer than 20 days nothing can be ranked, and the design effect has to do.
    """
    tables = [
        _DayTable.of(each.positions, each.seconds, profile.season, bins.size)
        for each, bins in zip(rows, profile.columns, strict=True)
    ]
    if min(len(table.days) for table in tables) < FEWEST_RANKED_DAYS:
        return profile
    odd = _odd_columns(profile, tables, settings)
    columns = [
        replace(bins, ranked=_ranked(bins, table, place))
        if place in odd or has_outliers(_moves(bins, table))
        else bins
        for place, (bins, table) in enumerate(zip(profile.columns, tables, strict=True))
    ]
    return replace(profile, features=tuple(columns[:-1]), score=columns[-1])


def _moves(bins: Bins, table: _DayTable) -> Array:
    """Return how far the values of each day are moved up, without days of few rows."""
    common = common_bins(bins)
    counts = table.counts[:, :, common]
    rows = counts.sum(axis=(1, 2))
    sums = counts @ bin_scores(bins, common) if len(common) > 1 else np.zeros(counts.shape[:2])
    of_cells = sums.sum(axis=0) / np.maximum(counts.sum(axis=(0, 2)), 1)
    expected = counts.sum(axis=2) @ of_cells
    moves = (sums.sum(axis=1) - expected) / np.maximum(rows, 1)
    large: Array = moves[rows >= np.median(rows) / 2]
    return large


def has_outliers(moves: Array) -> bool:
    """Return whether a day is moved much farther than the usual change from day to day explains.

    The usual change is that of the middle half of the days. In a hundred normal days the largest is
    2.8 deviations off, and with few days their deviation is uncertain.
    """
    distances = np.abs(moves - np.median(moves))
    deviation = float(np.median(distances)) * _MEDIAN_TO_DEVIATION
    limit = _FAR + _FAR_OF_FEW / math.sqrt(len(moves))
    return deviation > 0 and float(distances.max()) > limit * deviation


def _odd_columns(
    profile: Profile, tables: Sequence[_DayTable], settings: MonitorSettings
) -> set[int]:
    """Return the columns that alarm when the monitor sees the reference itself."""
    allowed = _REPLAY_SHARE * settings.false_alarms_a_year
    replayed = MonitorSettings(floor_psi=settings.floor_psi, false_alarms_a_year=allowed)
    detector, state = Detector.of(profile, replayed, slack=1.0), State.fresh(profile)
    odd, names = set[int](), [bins.name for bins in profile.columns]
    known = sorted({int(day) for table in tables for day in table.days})
    for day in known[-MOST_REPLAYED:]:
        state = look(detector, state, _counts_of(profile, tables, day), day * DAY)
        for change in takewhile(lambda each: each.is_alarm, changes(detector, state, {})):
            if change.kind == "shift":
                odd.add(names.index(change.feature))
    return odd


def _counts_of(profile: Profile, tables: Sequence[_DayTable], day: int) -> Counts:
    """Return the counts of a day. The score may have other days than the features."""
    mine = [table.of_day(day) for table in tables]
    rows = max(mine, key=lambda each: int(each.sum())).sum(axis=1)
    values = np.concatenate([each.sum(axis=0) for each in mine])
    return replace(Counts.of(profile, values, 0), cells=rows)


def _ranked(bins: Bins, table: _DayTable, place: int) -> RankedDays:
    common = common_bins(bins)
    sizes = table.counts[:, :, common].sum(axis=(1, 2))
    rows = max(int(np.quantile(sizes, _SMALL_DAYS)), 1)
    numbers = [
        _numbers(bins, table, int(number), rows=rows, place=place)
        for number in np.flatnonzero(sizes >= rows)
    ]
    return RankedDays(rows, *(tuple(each) for each in zip(*numbers, strict=True)))


def _numbers(
    bins: Bins, table: _DayTable, number: int, *, rows: int, place: int
) -> tuple[float, float]:
    """Return oddness and move of a day against all the others."""
    common = common_bins(bins)
    mine = table.counts[number][:, common]
    others = table.counts[:, :, common].sum(axis=0) - mine
    weights = table.cells[number] / max(int(table.cells[number].sum()), 1)
    expected = weights @ cell_shares(others[:, None].astype(np.float64))[:, 0]
    seed = day_seed(int(table.days[number]), place)
    return day_numbers(drawn(mine.sum(axis=0), rows, seed), expected, bin_scores(bins, common))
