"""The drift reference of a release: bins for each column, and the training rows counted in them.

Quantile bins alone miss the most common incident: a new code appears and falls into the bin of its
neighbour. Each feature therefore has one bin for every value with more than 0.5 % of the rows (an
*atom*), deciles of the other values, one bin for unseen values and one for missing values. Integers
and floats are treated alike, because a declared type does not tell codes from quantities.

The profile is packaged and signed with the model. All replicas therefore count into the same bins,
and their counts can be added.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from goldenpath.canonical import JsonValue, canonical_json, parse_object
from goldenpath.errors import InvalidInput
from goldenpath.project.spec import Contract, Feature

Floats = NDArray[np.float32]
BinKind = Literal["number", "category", "score"]

VERSION = 1
ATOM_SHARE = 0.005
"""Share of the reference above which a value has a bin of its own."""
QUANTILES = 10


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
    names: tuple[str, ...] = ()
    """The texts of the atoms, of a category without codes or of classes."""

    @property
    def size(self) -> int:
        """Number of bins."""
        return len(self.atoms) + max(len(self.edges) - 1, 0) + 2

    @property
    def labels(self) -> tuple[str, ...]:
        """The values of each bin, as people and metric attributes name them."""
        intervals = zip(self.edges[:-1], self.edges[1:], strict=True)
        return (
            *(self.names or (f"{atom:g}" for atom in self.atoms)),
            *(f"{'(' if i else '['}{low:g}, {high:g}]" for i, (low, high) in enumerate(intervals)),
            "unseen",
            "missing",
        )


@dataclass(frozen=True, slots=True)
class Profile:
    """The drift reference of one release: its features in the order of the contract, and its score.

    Counts are vectors over all bins: first those of the features, then those of the score.
    """

    rows: int
    features: tuple[Bins, ...]
    score: Bins
    design_effect: float = 1.0
    """The variance of counts divided by that of independent rows. Live counts are divided by it."""
    version: int = VERSION

    @property
    def columns(self) -> tuple[Bins, ...]:
        """The features and, last, the score."""
        return (*self.features, self.score)

    @property
    def size(self) -> int:
        """Number of bins of all columns."""
        return sum(bins.size for bins in self.columns)

    def slices(self) -> Iterator[tuple[Bins, slice]]:
        """Yield each column with its range in the vector of all counts."""
        start = 0
        for bins in self.columns:
            yield bins, slice(start, start + bins.size)
            start += bins.size


def build_profile(
    contract: Contract, table: Mapping[str, NDArray[np.generic]], scores: NDArray[np.generic]
) -> Profile:
    """Return the profile of the training rows and of the scores that the model gave them.

    `table` has a column for each feature of the contract. Raises `InvalidInput` if a column is
    absent, holds an infinite value or has another length, or if there are no rows.
    """
    rows = len(scores)
    if not rows:
        raise InvalidInput("the reference has no rows: expected at least one")
    features = tuple(
        _feature_bins(feature, _column(table, feature.name, rows)) for feature in contract.features
    )
    return Profile(rows, features, _answer_bins(contract, _floats(scores, "the score")))


def _column(table: Mapping[str, NDArray[np.generic]], name: str, rows: int) -> Floats:
    values = table.get(name)
    if values is None:
        raise InvalidInput(f"the reference has no column {name!r}")
    if len(values) != rows:
        raise InvalidInput(f"column {name!r} has {len(values)} rows: expected {rows}")
    return _floats(values, f"column {name!r}")


def _floats(values: NDArray[np.generic], what: str) -> Floats:
    try:
        # Adding zero turns -0.0 into 0.0, which compares equal but is written differently.
        floats = values.astype(np.float32) + np.float32(0)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{what} of the reference holds a value that is not a number") from error
    if np.isinf(floats).any():
        raise InvalidInput(f"{what} of the reference holds an infinite value")
    return floats


def _feature_bins(feature: Feature, values: Floats) -> Bins:
    if feature.kind == "category":
        return _counted(
            feature.name, "category", tuple(sorted(feature.codes)), (), values=values,
            names=feature.texts,
        )  # fmt: skip
    present = values[~np.isnan(values)]
    distinct, counts = np.unique(present, return_counts=True)
    is_atom = counts > ATOM_SHARE * len(values)
    rest = present[~np.isin(present, distinct[is_atom])]
    atoms = tuple(float(value) for value in distinct[is_atom])
    return _counted(feature.name, "number", atoms, _edges(rest), values=values)


def _answer_bins(contract: Contract, values: Floats) -> Bins:
    """Return the bins of scores or values, or one bin for each class."""
    name, (low, high) = contract.output, (0.0, 1.0)
    if contract.task == "classes":
        codes = tuple(float(place) for place in range(len(contract.classes)))
        return _counted(name, "category", codes, (), values=values, names=contract.classes)
    if contract.value is not None:
        bounds = np.array((contract.value.minimum, contract.value.maximum), np.float32)
        low, high = float(bounds[0]), float(bounds[1])
    # The outer edges are the bounds, so an answer outside the range of training is not "unseen".
    inner = [edge for edge in _edges(values[~np.isnan(values)])[1:-1] if low < edge < high]
    return _counted(name, "score", (), (low, *inner, high), values=values)


def _edges(values: Floats) -> tuple[float, ...]:
    if not len(values):
        return ()
    shares = np.arange(1, QUANTILES + 1) / QUANTILES
    upper = np.unique(np.quantile(values, shares, method="inverted_cdf"))
    return (float(values.min()), *(float(edge) for edge in upper))


def _counted(
    name: str,
    kind: BinKind,
    atoms: tuple[float, ...],
    edges: tuple[float, ...],
    *,
    values: Floats,
    names: tuple[str, ...] = (),
) -> Bins:
    empty = Bins(name, kind, atoms, edges, ())
    counts = tuple(int(count) for count in count_column(empty, values))
    return Bins(name, kind, atoms, edges, counts, names)


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """The number of values in each bin of a profile. Counts of disjoint rows can be added."""

    rows: int
    values: NDArray[np.int64]
    """One number for each bin, in the order of `Profile.slices`."""

    def __add__(self, other: "Counts") -> "Counts":
        """Return the counts of both sets of rows. Raises `InvalidInput` if the bins differ."""
        if self.values.shape != other.values.shape:
            raise InvalidInput("counts of two different profiles cannot be added")
        return Counts(self.rows + other.rows, self.values + other.values)

    @classmethod
    def zero(cls, profile: Profile) -> "Counts":
        """Return the counts of no rows."""
        return cls(0, np.zeros(profile.size, np.int64))


def reference_counts(profile: Profile) -> Counts:
    """Return the counts of the reference itself."""
    values = [count for bins in profile.columns for count in bins.counts]
    return Counts(profile.rows, np.array(values, np.int64))


BLOCK = 128 * 1024
"""Values compared at once: half a megabyte, which fits into the processor's cache."""


def count(profile: Profile, rows: Floats, scores: Floats) -> Counts:
    """Return the exact counts of rows of shape `(n, features)` and their scores of shape `(n,)`.

    Raises `InvalidInput` if the shapes do not fit.
    """
    if rows.shape != (len(scores), len(profile.features)):
        raise InvalidInput(
            f"the rows have shape {rows.shape}: expected ({len(scores)}, {len(profile.features)})"
        )
    columns = np.ascontiguousarray(rows.T)
    parts = [count_column(bins, columns[i]) for i, bins in enumerate(profile.features)]
    return Counts(len(scores), np.concatenate([*parts, count_column(profile.score, scores)]))


def count_column(bins: Bins, values: Floats) -> NDArray[np.int64]:
    """Return the counts of one column. Blocks bound the memory for any number of rows."""
    total = np.zeros(bins.size, np.int64)
    for start in range(0, len(values), BLOCK):
        total += _count_block(bins, values[start : start + BLOCK])
    return total


def _count_block(bins: Bins, values: Floats) -> NDArray[np.int64]:
    # One comparison per bound is 5 to 12 times faster than a binary search per value: no branches.
    atoms = [int(np.count_nonzero(values == atom)) for atom in bins.atoms]
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


def _interval(edges: tuple[float, ...], value: float) -> int | None:
    if value < edges[0]:
        return None
    return next((i for i, upper in enumerate(edges[1:]) if value <= upper), None)


def render_profile(profile: Profile) -> bytes:
    """Return the profile as canonical JSON. Equal profiles give equal bytes."""
    return canonical_json(
        {
            "version": profile.version,
            "rows": profile.rows,
            "design_effect": profile.design_effect,
            "features": [_render_bins(bins) for bins in profile.features],
            "score": _render_bins(profile.score),
        }
    )


def _render_bins(bins: Bins) -> dict[str, JsonValue]:
    return {
        "name": bins.name,
        "kind": bins.kind,
        "atoms": list(bins.atoms),
        "edges": list(bins.edges),
        "counts": list(bins.counts),
        **({"names": list(bins.names)} if bins.names else {}),
    }


def parse_profile(content: bytes) -> Profile:
    """Return the profile in `content`. Raises `InvalidInput` for a wrong member or version."""
    value = parse_object(content, "profile")
    if value.get("version") != VERSION:
        raise InvalidInput(f"profile has version {value.get('version')!r}: expected {VERSION}")
    rows, effect, features = value.get("rows"), value.get("design_effect"), value.get("features")
    if not isinstance(rows, int) or rows < 1 or not isinstance(effect, int | float) or effect < 1:
        raise InvalidInput("profile needs rows and design_effect, each at least 1")
    if not isinstance(features, list):
        raise InvalidInput("profile needs a list of features")
    columns = tuple(_parse_bins(item, rows) for item in features)
    return Profile(rows, columns, _parse_bins(value.get("score"), rows), float(effect))


def _parse_bins(value: JsonValue, rows: int) -> Bins:
    if not isinstance(value, dict):
        raise InvalidInput("a column of the profile is not an object")
    name, kind, counts = value.get("name"), value.get("kind"), value.get("counts")
    if not isinstance(name, str) or kind not in ("number", "category", "score"):
        raise InvalidInput("a column of the profile needs a name and a known kind")
    if not isinstance(counts, list):
        raise InvalidInput(f"profile of {name!r} needs a list of counts")
    whole = tuple(count for count in counts if isinstance(count, int) and count >= 0)
    atoms, edges = _numbers(value.get("atoms"), name), _numbers(value.get("edges"), name)
    names = _texts(value.get("names", []), name)
    bins = Bins(name, kind, atoms, edges, whole, names)  # type: ignore[arg-type]
    if names and len(names) != len(atoms):
        raise InvalidInput(f"profile of {name!r} has names that do not fit its atoms")
    if len(counts) != bins.size or len(whole) != bins.size or sum(whole) != rows:
        raise InvalidInput(f"profile of {name!r} has counts that do not fit its bins and rows")
    if len(edges) == 1 or list(edges) != sorted(edges):
        raise InvalidInput(f"profile of {name!r} has edges out of order")
    return bins


def _texts(value: JsonValue, name: str) -> tuple[str, ...]:
    texts = [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
    if not isinstance(value, list) or len(texts) != len(value):
        raise InvalidInput(f"profile of {name!r} needs a list of texts as its names")
    return tuple(texts)


def _numbers(value: JsonValue, name: str) -> tuple[float, ...]:
    if not isinstance(value, list):
        raise InvalidInput(f"profile of {name!r} needs lists of atoms and edges")
    numbers = tuple(float(item) for item in value if isinstance(item, int | float))
    if len(numbers) != len(value):
        raise InvalidInput(f"profile of {name!r} has a bound that is not a number")
    return numbers
