"""Counts the rows of tables of any size in the bins of a profile, in bounded memory."""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from goldenpath.drift.counting import Counts, count_column
from goldenpath.drift.profile import Bins, Floats, Profile
from goldenpath.drift.texts.text_measures import measured
from goldenpath.errors import InvalidInput
from goldenpath.observe.drift.batch_verdict import of_columns
from goldenpath.train.data.table_file import Column as TextColumn
from goldenpath.train.data.table_file import (
    batches,
    column_names,
    is_gap,
    is_text,
    numbers_of,
    plain_column,
)

ROWS_AT_ONCE = 256 * 1024
_WORKERS = min(os.cpu_count() or 1, 4)
_UNSEEN = np.float32(math.inf)
"""Counted as a value that the reference does not have."""


@dataclass(frozen=True, slots=True, eq=False)
class TableCounts:
    """The counts of tables, over the columns of the profile that they have."""

    profile: Profile
    counts: Counts
    unknown: tuple[str, ...]
    """Columns of the tables that the profile does not have."""


def count_tables(
    profile: Profile, files: Sequence[Path], progress: Callable[[int], object] = lambda _: None
) -> TableCounts:
    """Count the rows of all files. `progress` is called with the number of rows of each part.

    A table needs every feature; the score is counted where every table has it. Raises
    `InvalidInput` if a file is no table, lacks a feature or has a column of another type.
    """
    names = [column_names(path) for path in files]
    has_score = all(profile.score.name in each for each in names)
    features = [bins.name for bins in profile.features]
    chosen = of_columns(profile, [*features, *([profile.score.name] if has_score else [])])
    known = {bins.source for bins in profile.columns}
    unknown = sorted({name for each in names for name in each} - known)
    total = Counts.zero(chosen)
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="count") as pool:
        for path in files:
            for part in _parts(path, chosen):
                values = np.concatenate(list(pool.map(_counted, *zip(*part, strict=True))))
                rows = len(part[0][1])
                total += Counts.of(chosen, values, rows)
                progress(rows)
    return TableCounts(chosen, total, tuple(unknown))


Column: TypeAlias = "pa.Array[pa.Scalar[pa.DataType]]"
Part: TypeAlias = list[tuple[Bins, Column]]


def _parts(path: Path, profile: Profile) -> Iterator[Part]:
    columns = [*dict.fromkeys(bins.source for bins in profile.columns)]
    for batch in batches(path, ROWS_AT_ONCE, columns):
        yield [(bins, batch.column(bins.source)) for bins in profile.columns]


def _counted(bins: Bins, column: Column) -> NDArray[np.int64]:
    return count_column(bins, _floats(bins, column))


def _floats(bins: Bins, column: Column) -> Floats:
    """Return the values of a column; what the reference cannot have is infinite."""
    plain = plain_column(pa.chunked_array([column]))
    if plain is None:
        kind = column.type
        raise InvalidInput(f"column {bins.name} is of type {kind}: expected numbers or texts")
    if bins.text is not None:
        return _measured_texts(bins, plain)
    if is_text(plain.type):
        return _of_texts(bins, plain)
    column = plain.chunks[0]
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    if bins.names and column.null_count < len(column):
        raise InvalidInput(f"column {bins.name} has numbers: expected texts, its codes are texts")
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    if pa.types.is_integer(column.type) and column.null_count:
        column = column.cast(pa.float64(), safe=False)
    values: Floats = column.to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
    return values


def _measured_texts(bins: Bins, column: TextColumn) -> Floats:
    if not is_text(column.type) and column.null_count < len(column):
        raise InvalidInput(f"column {bins.source} is of type {column.type}: expected texts")
    return measured(bins, column.to_pylist())


def _of_texts(bins: Bins, column: TextColumn) -> Floats:
    if not bins.names:
        numbers = numbers_of(column).astype(np.float32)
        numbers[np.isnan(numbers) & ~is_gap(column)] = _UNSEEN
        return numbers
    places = pc.index_in(column, pa.array(bins.names)).to_numpy()
    is_unknown = np.isnan(places.astype(np.float64))
    codes = np.array([*bins.atoms, _UNSEEN], np.float32)
    values: Floats = codes[np.where(is_unknown, len(bins.atoms), places).astype(np.intp)]
    values[is_unknown & is_gap(column)] = np.nan
    return values
