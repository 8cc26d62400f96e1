"""Evidence that the distribution of a column has shifted.

For the rows since one start the evidence is a likelihood ratio. Its numerator is the likelihood
under a mixture of alternatives. Its denominator is the largest likelihood under any distribution
within the tolerance, which is measured in the metric that reports print: the PSI, of the bins that
are common in the reference. Bins that are rare there have processes of their own.

Rows are not independent, and the reference is a sample as well. So `n` rows count as
`n / (d + n e / m)` rows, where `d` and `e` are the design effects of the live rows and of the
`m` rows of the reference. For normal scores this is the exact likelihood ratio of the difference
from the sampled reference.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goldenpath.drift.alternatives import MixtureLogs, log_mixture, tilts
from goldenpath.drift.profile import ATOM_SHARE, Bins

Array = NDArray[np.float64]

_HALVINGS, _REFINEMENTS = 6, 3


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The counts of the rows since each start. All arrays begin with the axis of starts."""

    counts: Array
    """Of all bins of the profile, shape `(starts, bins)`."""
    cells: Array
    """Rows in each cell of the season, shape `(starts, cells)`."""
    days: Array
    """Number of days with rows."""
    refused: Array
    """Rows with a refused value in a column, shape `(starts, columns)`."""
    refusals: Array
    """Rows of refused requests."""
    gains: Array | None = None
    """Log gains of the bets on whole days, shape `(starts, day columns, bets)`."""
    pairs: Array | None = None
    """Rows of each pair alike, and with both values; shape `(starts, 2, pairs)`."""

    @property
    def rows(self) -> Array:
        """Number of rows of each start."""
        result: Array = self.cells.sum(axis=1)
        return result


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """The design effects of columns as arrays; see `Dependence`."""

    excess: Array
    power: Array
    day_rows: Array

    @classmethod
    def of(cls, columns: Sequence[Bins]) -> "Effects":
        """Return those of the columns."""
        found = [bins.dependence for bins in columns]
        return cls(
            np.array([each.day_effect - 1 for each in found]),
            np.array([each.power for each in found]),
            np.array([each.day_rows for each in found]),
        )

    def at(self, rows: Array) -> Array:
        """Return the effects, shape `(starts, columns)`, of `rows` a day."""
        result: Array = 1 + self.excess * (np.maximum(rows, 1.0) / self.day_rows) ** self.power
        return result


@dataclass(frozen=True, slots=True, eq=False)
class ShiftTest:
    """The test of several columns with the same number of common bins."""

    columns: NDArray[np.intp]
    """Positions of the columns in the profile."""
    positions: NDArray[np.intp]
    """Positions of the common bins in the vector of counts, shape `(columns, n)`."""
    shares: Array
    """Reference shares, shape `(cells, columns, n)`."""
    reference_rows: Array
    """Rows of the reference in each cell, shape `(cells, columns)`."""
    effects: Effects
    tilts: Array
    logs: MixtureLogs | None
    """Of the shares, where there is one cell and they are the same for every start."""
    floor: float
    """A PSI up to this is not drift."""

    def evidence(self, window: Window) -> Array:
        """Return the log e-values, shape `(starts, columns)`; below zero an upper bound of them."""
        counts, shares = self.effective(window)
        logs = self.logs or MixtureLogs.of(shares, self.tilts)
        ratio = log_mixture(counts, self.tilts, logs)
        if self.floor > 0:
            # The tolerance only lowers a ratio, so it is left out where the ratio says nothing.
            place = ratio > 0
            found = self._tolerated(counts[place], np.broadcast_to(shares, counts.shape)[place])
            ratio[place] -= found
        return ratio

    def log_null(self, counts: Array, shares: Array) -> Array:
        """Return the log likelihood of the best distribution within the floor."""
        result: Array = (counts * np.log(shares)).sum(axis=2)
        return result + self._tolerated(counts, shares) if self.floor > 0 else result

    def effective(self, window: Window) -> tuple[Array, Array]:
        """Return counts as independent rows, and the shares that are expected."""
        counts = window.counts[:, self.positions]
        rows = counts.sum(axis=2)
        weights = window.cells / np.maximum(window.rows, 1)[:, None]
        if weights.shape[1] == 1:
            shares, known = self.shares, self.reference_rows
        else:
            shares = np.einsum("sg,gcn->scn", weights, self.shares, optimize=True)
            known = 1 / np.einsum("sg,gc->sc", weights**2, 1 / self.reference_rows)
        live = self.effects.at(rows / np.maximum(window.days, 1)[:, None])
        divisor = live + rows * (1 + self.effects.excess) / known
        return counts / divisor[..., None], shares

    def _tolerated(self, counts: Array, shares: Array) -> Array:
        """Return the log likelihood ratio of the best distribution within the floor.

        It is sought on the line from the reference to the observed shares. There the PSI grows, and
        so does the likelihood. For small floors the maximum lies on this line.
        """
        rows = counts.sum(axis=-1, keepdims=True)
        observed = np.divide(counts, rows, out=np.zeros_like(counts), where=rows > 0)
        change = observed / shares - 1
        step = self._largest_step(shares, change)
        result: Array = (counts * np.log1p(step[..., None] * change)).sum(axis=-1)
        return result

    def _largest_step(self, shares: Array, change: Array) -> Array:
        """Return the largest step at which the PSI is at most the floor, below 1."""
        low = np.zeros(change.shape[:-1])
        high = np.full_like(low, 1 - 1e-9)

        def psi(step: Array) -> Array:
            moved = step[..., None] * change
            value: Array = (shares * moved * np.log1p(moved)).sum(axis=-1)
            return value

        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            is_beyond = psi(middle) > self.floor
            low, high = np.where(is_beyond, low, middle), np.where(is_beyond, middle, high)
        for _ in range(_REFINEMENTS):
            # Newton from above on a convex function stays above the root, which is the safe side.
            moved = high[..., None] * change
            slope = (shares * change * (np.log1p(moved) + moved / (1 + moved))).sum(axis=-1)
            excess = np.maximum(psi(high) - self.floor, 0.0)
            high = np.clip(high - excess / np.maximum(slope, 1e-300), low, high)
        return high


def shift_tests(columns: Sequence[Bins], starts: Sequence[int], floor: float) -> list[ShiftTest]:
    """Return the tests of columns with at least two common bins, grouped by their number.

    Columns that are judged by whole days have none.

    `starts` are the positions of the first bin of each column in the vector of counts.
    """
    groups: dict[tuple[int, int], list[tuple[int, NDArray[np.intp], Array]]] = {}
    for place, bins in enumerate(columns):
        common = common_bins(bins)
        if len(common) < 2 or bins.ranked is not None:
            continue  # nothing to shift, or judged by whole days
        pooled = np.array(bins.counts, np.float64)[common] + 0.5
        tilted = tilts(bins, common, pooled / pooled.sum())
        groups.setdefault(tilted.shape, []).append((place, common, tilted))
    return [_group(columns, starts, floor, members) for members in groups.values()]


def common_bins(bins: Bins) -> NDArray[np.intp]:
    """Return the positions of the bins with more than 0.5 % of the reference, without missing."""
    counts = np.array(bins.counts)
    common: NDArray[np.intp] = np.flatnonzero(counts[:-2] > ATOM_SHARE * counts.sum())
    return common


def _group(
    columns: Sequence[Bins],
    starts: Sequence[int],
    floor: float,
    members: Sequence[tuple[int, NDArray[np.intp], Array]],
) -> ShiftTest:
    places = [place for place, _, _ in members]
    tables = [cell_counts(columns[place])[:, common] for place, common, _ in members]
    counts = np.stack(tables, axis=1)
    shares, tilted = cell_shares(counts), np.stack([each for _, _, each in members])
    return ShiftTest(
        columns=np.array(places),
        positions=np.stack([starts[place] + common for place, common, _ in members]),
        shares=shares,
        reference_rows=np.maximum(counts.sum(axis=2), 1.0),
        effects=Effects.of([columns[place] for place in places]),
        tilts=tilted,
        logs=MixtureLogs.of(shares, tilted) if len(shares) == 1 else None,
        floor=floor,
    )


def cell_counts(bins: Bins) -> Array:
    """Return the reference rows of each bin in each cell of the season."""
    return np.array(bins.seasons or (bins.counts,), np.float64)


def cell_shares(counts: Array) -> Array:
    """Return the shares in each cell; a cell without rows gets those of all."""
    pooled = counts.sum(axis=0, keepdims=True) + 0.5
    pooled /= pooled.sum(axis=2, keepdims=True)
    if len(counts) == 1:
        only: Array = pooled
        return only
    # Each cell borrows half a row a bin from the whole, so that no share is zero.
    borrowed = counts + 0.5 * counts.shape[2] * pooled
    result: Array = borrowed / borrowed.sum(axis=2, keepdims=True)
    return result
