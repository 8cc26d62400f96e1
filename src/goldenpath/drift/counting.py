"""Exact counts of rows in the bins of a profile. Counts of disjoint rows can be added."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from goldenpath.drift.pairs.pair_reference import pair_counts
from goldenpath.drift.profile import Bins, Floats, Profile
from goldenpath.drift.seasons import cells
from goldenpath.drift.texts.text_measures import observed_columns
from goldenpath.errors import InvalidInput


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """The number of values in each bin of a profile, and of refused values in each column."""

    values: NDArray[np.int64]
    """One number for each bin, in the order of `Profile.slices`."""
    cells: NDArray[np.int64]
    """Rows in each cell of the profile's season."""
    refused: NDArray[np.int64]
    """Rows of refused requests whose value in a column was refused."""
    refusals: int = 0
    """Rows of refused requests."""
    pairs: NDArray[np.int64] = field(default_factory=lambda: np.zeros((2, 0), np.int64))
    """Rows of each pair of features alike, and with both values; shape `(2, pairs)`."""

    @property
    def rows(self) -> int:
        """Number of answered rows."""
        return int(self.cells.sum())

    @property
    def size(self) -> int:
        """Number of rows that were asked about, answered and refused."""
        return self.rows + self.refusals

    def __add__(self, other: "Counts") -> "Counts":
        """Return the counts of both sets of rows. Raises `InvalidInput` if the bins differ."""
        mine = (self.values.shape, self.cells.shape, self.pairs.shape)
        if mine != (other.values.shape, other.cells.shape, other.pairs.shape):
            raise InvalidInput("counts of two different profiles cannot be added")
        return Counts(
            self.values + other.values,
            self.cells + other.cells,
            self.refused + other.refused,
            self.refusals + other.refusals,
            self.pairs + other.pairs,
        )

    @classmethod
    def zero(cls, profile: Profile) -> "Counts":
        """Return the counts of no rows."""
        return cls.of(profile, np.zeros(profile.size, np.int64), 0)

    @classmethod
    def of(cls, profile: Profile, values: NDArray[np.int64], rows: int) -> "Counts":
        """Return the counts of answered rows, all in the first cell of the season."""
        cells = np.zeros(profile.cells, np.int64)
        cells[0] = rows
        pairs = np.zeros((2, profile.pair_number), np.int64)
        return cls(values, cells, np.zeros(len(profile.columns), np.int64), pairs=pairs)


BLOCK = 128 * 1024
"""Values compared at once: half a megabyte, which fits into the processor's cache."""
_FEW_ATOMS = 64
"""Up to so many atoms a comparison with each is quicker than a search for each value."""


def count(
    profile: Profile, rows: Floats, scores: Floats, seconds: NDArray[np.int64] | None = None
) -> Counts:
    """Return the exact counts of rows of shape `(n, features)` and their scores of shape `(n,)`.

    `seconds` are the times of the rows since 1970; only a profile with a season needs them.
    Raises `InvalidInput` if the shapes do not fit.
    """
    if rows.shape != (len(scores), profile.inputs):
        raise InvalidInput(
            f"the rows have shape {rows.shape}: expected ({len(scores)}, {profile.inputs})"
        )
    columns = list(observed_columns(profile.features, np.asfortranarray(rows)))
    parts = [count_column(*pair) for pair in zip(profile.features, columns, strict=True)]
    values = np.concatenate([*parts, count_column(profile.score, scores)])
    counted = Counts.of(profile, values, len(scores))
    if profile.pairs is not None:
        sides = [each.sides(columns[each.place]) for each in profile.pairs.features]
        counted = replace(counted, pairs=pair_counts(np.column_stack(sides)))
    if seconds is None or profile.season == "none":
        return counted
    where = np.bincount(cells(profile.season, seconds), minlength=profile.cells)
    return replace(counted, cells=where)


def count_column(bins: Bins, values: Floats) -> NDArray[np.int64]:
    """Return the counts of one column. Blocks bound the memory for any number of rows."""
    total = np.zeros(bins.size, np.int64)
    for start in range(0, len(values), BLOCK):
        total += _count_block(bins, values[start : start + BLOCK])
    return total


def _count_block(bins: Bins, values: Floats) -> NDArray[np.int64]:
    # One comparison per bound is 5 to 12 times faster than a binary search per value: no branches.
    atoms = _atom_counts(bins.atoms, values)
    intervals: list[int] = []
    if bins.edges:
        above = [np.count_nonzero(values > edge) for edge in bins.edges[1:]]
        inside = [np.count_nonzero(values >= bins.edges[0]), *above]
        intervals = [int(low - high) for low, high in zip(inside, above, strict=False)]
        for atom, number in zip(bins.atoms, atoms, strict=True):
            position = _interval(bins.edges, atom)
            if position is not None:
                intervals[position] -= number
    # NaN is the only value that differs from itself.
    missing = int(np.count_nonzero(values != values))
    unseen = len(values) - missing - sum(atoms) - sum(intervals)
    return np.array([*atoms, *intervals, unseen, missing], np.int64)


def _atom_counts(atoms: tuple[float, ...], values: Floats) -> list[int]:
    """Return how many values each atom has."""
    if len(atoms) <= _FEW_ATOMS:
        return [int(np.count_nonzero(values == atom)) for atom in atoms]
    positions = _atom_positions(atoms, values)
    found: list[int] = np.bincount(positions[positions >= 0], minlength=len(atoms)).tolist()
    return found


def _atom_positions(atoms: tuple[float, ...], values: Floats) -> NDArray[np.int64]:
    """Return the position of each value among the atoms, -1 if it is none, by binary search.

    A comparison with each atom would touch every value as often as there are codes.
    """
    table = np.array(atoms, np.float32)
    order = np.argsort(table, kind="stable")
    ordered = table[order]
    # A value above all atoms, and NaN, is compared with the last one, which it does not equal.
    place = np.searchsorted(ordered, values).clip(0, len(ordered) - 1)
    result: NDArray[np.int64] = np.where(ordered[place] == values, order[place], -1)
    return result


def _interval(edges: tuple[float, ...], value: float) -> int | None:
    if value < edges[0]:
        return None
    return next((i for i, upper in enumerate(edges[1:]) if value <= upper), None)


def bin_positions(bins: Bins, values: Floats) -> NDArray[np.int64]:
    """Return the bin of each value, in the order of `Bins.counts`."""
    result = np.full(len(values), bins.size - 2, np.int64)
    if bins.edges:
        inside = (values >= np.float32(bins.edges[0])) & (values <= np.float32(bins.edges[-1]))
        place = np.searchsorted(np.array(bins.edges[1:], np.float32), values[inside], side="left")
        result[inside] = len(bins.atoms) + place
    if bins.atoms:
        atoms = _atom_positions(bins.atoms, values)
        result[atoms >= 0] = atoms[atoms >= 0]
    result[np.isnan(values)] = bins.size - 1
    return result
