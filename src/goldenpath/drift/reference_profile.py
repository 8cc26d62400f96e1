"""Makes the drift reference of a release from rows that the model was not fitted on.

If the rows have times, the reference also records how much its days differ from each other, and
whether weekday or hour matter. Without times it records how much blocks of rows differ, in the
order of the table; nobody can then tell the usual change from month to month from drift.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from goldenpath.drift.counting import bin_positions, count_column
from goldenpath.drift.days.reference_days import BinnedRows, with_ranked_days
from goldenpath.drift.days.whole_days import bin_scores
from goldenpath.drift.dependence import Dependence, TimedBins, measured_dependence, season_of
from goldenpath.drift.pairs.pair_reference import PairReference
from goldenpath.drift.pairs.reference_pairs import reference_pairs
from goldenpath.drift.profile import ATOM_SHARE, QUANTILES, Bins, Floats, Profile
from goldenpath.drift.seasons import CELLS, DAY, Season, cells, days
from goldenpath.drift.shift import common_bins
from goldenpath.drift.texts.text_measures import text_columns
from goldenpath.errors import InvalidInput
from goldenpath.project.spec import Contract, Feature, MonitorSettings
from goldenpath.project.task.feature_parts import declared_features
from goldenpath.project.task.text_parts import unpacked

Seconds = NDArray[np.int64]
_BLOCKS = 100
"""Blocks of rows that stand for days if the rows have no times."""
_FEWEST_OF_A_BLOCK = 4
_MOST_EQUAL = 0.01
"""Largest share of rows that equal an earlier one in a reference of distinct rows."""


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceTimes:
    """When the rows of the features and of the score are from, in seconds since 1970."""

    features: Seconds
    score: Seconds


def build_profile(
    contract: Contract,
    table: Mapping[str, NDArray[np.generic]],
    scores: NDArray[np.generic],
    *,
    times: ReferenceTimes | None = None,
) -> Profile:
    """Return the profile of rows, and of scores that the model gave to rows it had not seen.

    `table` has a column for each feature of the contract. The scores may be those of other rows.
    Raises `InvalidInput` if a column is absent, holds an infinite value or has another length, or
    if there are no rows.
    """
    rows = len(next(iter(table.values()), scores))
    if not rows or not len(scores):
        raise InvalidInput("the reference has no rows: expected at least one")
    columns = [_column(table, feature.name, rows) for feature in contract.features]
    observed = list(_observed(contract, columns))
    bins = [each for each, _ in observed]
    values = [*(column for _, column in observed), _floats(scores, "the score")]
    counted = [
        replace(each, counts=tuple(count_column(each, column).tolist()))
        for each, column in zip([*bins, _answer_bins(contract, values[-1])], values, strict=True)
    ]
    is_distinct = _repeated_share(columns) <= _MOST_EQUAL
    if times is None:
        ordered = [_ordered(*pair) for pair in zip(counted, values, strict=True)]
        profile = Profile(rows, tuple(ordered[:-1]), ordered[-1], is_distinct=is_distinct)
    else:
        profile = _timed(counted, values, times, is_distinct=is_distinct, settings=contract.monitor)
    return replace(profile, pairs=_pairs(counted[:-1], values[:-1], times))


def _pairs(
    features: list[Bins], values: list[Floats], times: ReferenceTimes | None
) -> PairReference | None:
    rows = len(values[0]) if values else 0
    if times is not None:
        return reference_pairs(features, values, days(times.features), most_effect=float(rows))
    most = max(rows / _BLOCKS / _FEWEST_OF_A_BLOCK, 1.0)
    return reference_pairs(features, values, _blocks(rows), most_effect=most)


def _observed(contract: Contract, columns: list[Floats]) -> Iterator[tuple[Bins, Floats]]:
    """Yield each column of the profile: a feature, or what is measured in a text."""
    for declared in declared_features(contract):
        place = slice(declared.start, declared.start + declared.width)
        if declared.part == "text":
            texts = unpacked(np.column_stack(columns[place]))
            for bins, values in text_columns(declared.name, declared.width, texts):
                filled = _number_bins(bins.name, values)
                yield replace(bins, atoms=filled.atoms, edges=filled.edges), values
            continue
        for feature, column in zip(contract.features[place], columns[place], strict=True):
            yield _feature_bins(feature, column), column


def _ordered(bins: Bins, column: Floats) -> Bins:
    """Return the column with the dependence that the order of its rows shows.

    Rows are often stored as they came. A table that is sorted by a column says nothing about time,
    so a block of rows counts as at least `_FEWEST_OF_A_BLOCK` independent rows.
    """
    blocks = _blocks(len(column)) * DAY
    found = measured_dependence(*_of_common(bins, bin_positions(bins, column), blocks), "none")
    most = max(found.day_rows / _FEWEST_OF_A_BLOCK, 1.0)
    effects = min(found.short_effect, most), min(found.day_effect, most)
    return replace(
        bins, dependence=Dependence(found.short_rows, effects[0], found.day_rows, effects[1])
    )


def _blocks(rows: int) -> Seconds:
    """Return the block of each row."""
    return np.arange(rows, dtype=np.int64) * _BLOCKS // max(rows, 1)


def _timed(
    columns: list[Bins],
    values: list[Floats],
    times: ReferenceTimes,
    *,
    is_distinct: bool,
    settings: MonitorSettings,
) -> Profile:
    seconds = [*[times.features] * (len(columns) - 1), times.score]
    for each, column in zip(seconds, values, strict=True):
        if len(each) != len(column):
            raise InvalidInput(f"the reference has {len(each)} times for {len(column)} rows")
    pairs = zip(columns, values, strict=True)
    positions = [bin_positions(bins, column) for bins, column in pairs]
    common = [_of_common(*each) for each in zip(columns, positions, seconds, strict=True)]
    season = season_of(common)
    measured = [
        replace(
            bins,
            dependence=measured_dependence(timed, known, season),
            seasons=_by_cell(bins, place, cells(season, when), season) if season != "none" else (),
        )
        for bins, place, when, (timed, known) in zip(
            columns, positions, seconds, common, strict=True
        )
    ]
    number = len(np.unique(days(times.features)))
    profile = Profile(
        len(times.features), tuple(measured[:-1]), measured[-1], number, season, is_distinct
    )
    binned = [BinnedRows(*pair) for pair in zip(positions, seconds, strict=True)]
    return with_ranked_days(profile, binned, settings)


def _of_common(bins: Bins, positions: Seconds, seconds: Seconds) -> tuple[TimedBins, Seconds]:
    """Return the rows in common bins, renumbered from 0 on, and their times."""
    common = common_bins(bins)
    number = np.full(bins.size, -1, np.int64)
    number[common] = np.arange(len(common))
    found = number[positions]
    scores = bin_scores(bins, common) if len(common) and bins.kind != "category" else None
    return TimedBins(found[found >= 0], max(len(common), 1), scores), seconds[found >= 0]


def _by_cell(
    bins: Bins, positions: Seconds, cell: Seconds, season: Season
) -> tuple[tuple[int, ...], ...]:
    width = CELLS[season]
    table = np.bincount(cell * bins.size + positions, minlength=width * bins.size)
    return tuple(tuple(row) for row in table.reshape(-1, bins.size).tolist())


def _repeated_share(columns: list[Floats]) -> float:
    if not columns:
        return 1.0
    rows = np.ascontiguousarray(np.column_stack(columns))
    return 1 - len(np.unique(row_hashes(rows))) / len(rows)


def row_hashes(rows: Floats) -> NDArray[np.uint64]:
    """Return a 64-bit hash of each row of shape `(n, features)`; equal rows have equal hashes."""
    bits = np.ascontiguousarray(rows, np.float32).view(np.uint32).astype(np.uint64)
    result = np.full(len(rows), 0x9E3779B97F4A7C15, np.uint64)
    for column in bits.T:
        result = (result ^ column) * np.uint64(0xFF51AFD7ED558CCD)
        result ^= result >> np.uint64(32)
    return result


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
        codes = tuple(sorted(feature.codes))
        return Bins(feature.name, "category", codes, (), (), names=feature.texts)
    return _number_bins(feature.name, values)


def _number_bins(name: str, values: Floats) -> Bins:
    present = values[~np.isnan(values)]
    distinct, counts = np.unique(present, return_counts=True)
    is_atom = counts > ATOM_SHARE * len(values)
    rest = present[~np.isin(present, distinct[is_atom])]
    atoms = tuple(float(value) for value in distinct[is_atom])
    return Bins(name, "number", atoms, _edges(rest), ())


def _answer_bins(contract: Contract, values: Floats) -> Bins:
    """Return the bins of scores or values, or one bin for each class."""
    name, (low, high) = contract.output, (0.0, 1.0)
    if contract.task == "classes":
        codes = tuple(float(place) for place in range(len(contract.classes)))
        return Bins(name, "category", codes, (), (), names=contract.classes)
    if contract.value is not None:
        bounds = np.array((contract.value.minimum, contract.value.maximum), np.float32)
        low, high = float(bounds[0]), float(bounds[1])
    # The outer edges are the bounds, so an answer outside the range of training is not "unseen".
    inner = [edge for edge in _edges(values[~np.isnan(values)])[1:-1] if low < edge < high]
    return Bins(name, "score", (), (low, *inner, high), ())


def _edges(values: Floats) -> tuple[float, ...]:
    if not len(values):
        return ()
    shares = np.arange(1, QUANTILES + 1) / QUANTILES
    upper = np.unique(np.quantile(values, shares, method="inverted_cdf"))
    return (float(values.min()), *(float(edge) for edge in upper))
