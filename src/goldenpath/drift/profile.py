"""The drift reference of a release: bins for each column, and the reference rows counted in them.

Quantile bins alone miss the most common incident: a new code appears and falls into the bin of its
neighbour. Each feature therefore has one bin for every value with more than 0.5 % of the rows (an
*atom*), deciles of the other values, one bin for unseen values and one for missing values. Integers
and floats are treated alike, because a declared type does not tell codes from quantities.

The profile is packaged and signed with the model. All replicas therefore count into the same bins,
and their counts can be added.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from goldenpath.drift.days.ranked_days import RankedDays
from goldenpath.drift.dependence import FEWEST_PERIODS, Dependence
from goldenpath.drift.pairs.pair_reference import PairReference
from goldenpath.drift.seasons import CELLS, Season
from goldenpath.project.number_text import number_text
from goldenpath.stored_formats import PROFILE

Floats = NDArray[np.float32]
BinKind = Literal["number", "category", "score"]

ATOM_SHARE = 0.005
"""Share of the reference above which a value has a bin of its own."""
QUANTILES = 10
INDEPENDENT = Dependence()


@dataclass(frozen=True, slots=True)
class TextMeasure:
    """What a column measures in a text feature; see `goldenpath.drift.texts.text_measures`."""

    source: str
    """Name of the feature."""
    kind: Literal["length", "unseen"]
    width: int
    """How many columns of the model's input hold the text."""
    known: str
    """The words of the reference as a set of bits, in hexadecimal digits; only for `unseen`."""


@dataclass(frozen=True, slots=True)
class Bins:
    """The bins of one column, and how many rows of the reference fall into each.

    The order is: one bin per atom, one per interval of `edges`, unseen, missing. `edges` is empty
    or `(low, u1, …, uk)`. The first interval is `[low, u1]`, the next is `(u1, u2]`, and so on.
    Intervals exclude the atoms inside them. All bounds are exact 32-bit floats.
    """

    name: str
    kind: BinKind
    atoms: tuple[float, ...]
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    dependence: Dependence = INDEPENDENT
    seasons: tuple[tuple[int, ...], ...] = ()
    """The counts in each cell of the profile's season; empty without a season."""
    names: tuple[str, ...] = ()
    """The texts of the atoms, of a category without codes or of classes."""
    text: TextMeasure | None = None
    """What the column measures, if the feature is a text."""
    ranked: RankedDays | None = None
    """The days of the reference, if the column is judged by whole days."""

    @property
    def source(self) -> str:
        """Name of the feature that the column comes from."""
        return self.name if self.text is None else self.text.source

    @property
    def size(self) -> int:
        """Number of bins."""
        return len(self.atoms) + max(len(self.edges) - 1, 0) + 2

    @property
    def labels(self) -> tuple[str, ...]:
        """The values of each bin, as people and metric attributes name them."""
        edges = [_text(edge) for edge in self.edges]
        intervals = pairwise(edges)
        return (
            *(self.names or (_text(atom) for atom in self.atoms)),
            *(f"{'(' if i else '['}{low}, {high}]" for i, (low, high) in enumerate(intervals)),
            "unseen",
            "missing",
        )


def _text(value: float) -> str:
    """Return the shortest text that only this 32-bit float has."""
    return number_text(value) if value.is_integer() else str(np.float32(value))


@dataclass(frozen=True, slots=True)
class Profile:
    """The drift reference of one release: its features in the order of the contract, and its score.

    Counts are vectors over all bins: first those of the features, then those of the score.
    """

    rows: int
    """Rows of the features. The score has rows of its own."""
    features: tuple[Bins, ...]
    score: Bins
    days: int = 0
    """Number of days from which the rows are; 0 if their times are not known."""
    season: Season = "none"
    is_distinct: bool = False
    """Whether almost no two rows of the reference are equal."""
    version: int = PROFILE.version
    pairs: PairReference | None = None
    """How features go together; None if it is not known."""

    @property
    def pair_number(self) -> int:
        """Number of pairs of features."""
        return 0 if self.pairs is None else len(self.pairs.alike)

    @property
    def columns(self) -> tuple[Bins, ...]:
        """The features and, last, the score."""
        return (*self.features, self.score)

    @property
    def inputs(self) -> int:
        """Number of columns of the model's input."""
        texts = {bins.source: bins.text.width for bins in self.features if bins.text is not None}
        return sum(bins.text is None for bins in self.features) + sum(texts.values())

    @property
    def size(self) -> int:
        """Number of bins of all columns."""
        return sum(bins.size for bins in self.columns)

    @property
    def has_periods(self) -> bool:
        """Whether the rows are from enough days to show how much days differ."""
        return self.days >= FEWEST_PERIODS

    @property
    def cells(self) -> int:
        """Number of cells of the season."""
        return CELLS[self.season]

    def slices(self) -> Iterator[tuple[Bins, slice]]:
        """Yield each column with its range in the vector of all counts."""
        start = 0
        for bins in self.columns:
            yield bins, slice(start, start + bins.size)
            start += bins.size
