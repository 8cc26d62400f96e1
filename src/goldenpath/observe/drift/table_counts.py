"""Counts the rows of tables of any size in the bins of a profile, in bounded memory."""

import math
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
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
from goldenpath.observe.drift.batch_data import BatchFile, is_log_segment, log_batches
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


MOST_SLICES = 50
"""Values of the column by which rows are told apart; each has counts of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class TableCounts:
    """The counts of tables, over the columns of the profile that all of them have."""

    profile: Profile
    counts: Counts
    unknown: tuple[str, ...]
    """Columns of the tables that the profile does not have."""
    slices: Mapping[str, Counts] = field(default_factory=dict)
    """The counts by value of a column; empty if rows are not told apart."""
    releases: tuple[str, ...] = ()
    """The releases whose answers segments of the prediction log hold."""


Column: TypeAlias = "pa.Array[pa.Scalar[pa.DataType]]"
Part: TypeAlias = list[tuple[Bins, Column]]


def count_tables(
    profile: Profile, files: Sequence[Path], progress: Callable[[int], object] = lambda _: None
) -> TableCounts:
    """Count the rows of files. `progress` is called with the number of rows of each part.

    Raises as `count_batch` does.
    """
    return count_batch(profile, (BatchFile(str(path), path) for path in files), progress=progress)


def count_batch(
    profile: Profile,
    files: Iterable[BatchFile],
    *,
    slice_column: str = "",
    progress: Callable[[int], object] = lambda _: None,
) -> TableCounts:
    """Count the rows of all files, each of which is read once.

    A table needs every feature; the score is counted where every file has it. A segment of the
    prediction log has the score alone, since its inputs are encrypted. With `slice_column` the
    rows are counted by its values too. Raises `InvalidInput` if a file is no table, lacks a feature
    or has a column of another type.
    """
    counter = _TableCounter(profile, slice_column, progress)
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="count") as pool:
        for file in files:
            counter.add(file, pool)
    return counter.result()


class _TableCounter:
    """Adds files to counts; a column that one file lacks is left out of all."""

    def __init__(
        self, profile: Profile, slice_column: str, progress: Callable[[int], object]
    ) -> None:
        self._profile = profile
        self._slice_column = slice_column
        self._progress = progress
        self._chosen: Profile | None = None
        self._total: dict[str | None, Counts] = {}
        """The counts of each slice, and under None those of all rows."""
        self._unknown: set[str] = set()
        self._releases: set[str] = set()

    def add(self, file: BatchFile, pool: ThreadPoolExecutor) -> None:
        """Count one file."""
        is_log = is_log_segment(file.path)
        score = self._profile.score
        if is_log:
            names = {score.name}
        else:
            listed = column_names(file.path)
            self._unknown |= {*listed} - {bins.source for bins in self._profile.columns}
            names = {bins.name for bins in self._profile.features}
            names |= {score.name} & {*listed}
        self._restrict(names, file.name)
        parts = self._of_log(file.path) if is_log else self._of_table(file.path)
        for part, labels in parts:
            self._count(part, labels, pool)

    def result(self) -> TableCounts:
        """Return the counts of all files. Raises `InvalidInput` if there was none."""
        if self._chosen is None:
            raise InvalidInput("there are no tables: expected at least one")
        total = self._total.pop(None, Counts.zero(self._chosen))
        slices = {str(name): counts for name, counts in self._total.items()}
        releases = tuple(sorted(self._releases))
        return TableCounts(self._chosen, total, tuple(sorted(self._unknown)), slices, releases)

    def _restrict(self, names: Collection[str], file: str) -> None:
        """Compare only columns that this file has, too."""
        before = self._chosen or self._profile
        kept = [bins.name for bins in before.columns if bins.name in names]
        if not kept:
            raise InvalidInput(
                f"{file} has none of the columns that the files before it have",
                hint="compare segments of the prediction log, and tables without predictions, "
                "in two calls",
            )
        self._chosen = of_columns(self._profile, kept)
        self._total = {
            name: _of_fewer(counts, before, self._chosen) for name, counts in self._total.items()
        }

    def _of_table(self, path: Path) -> Iterator[tuple[Part, "Column | None"]]:
        chosen = self._chosen or self._profile
        sliced = [self._slice_column] if self._slice_column else []
        columns = [*dict.fromkeys([*(bins.source for bins in chosen.columns), *sliced])]
        for batch in batches(path, ROWS_AT_ONCE, columns):
            part = [(bins, batch.column(bins.source)) for bins in chosen.columns]
            yield part, batch.column(self._slice_column) if sliced else None

    def _of_log(self, path: Path) -> Iterator[tuple[Part, "Column | None"]]:
        if self._slice_column:
            raise InvalidInput(
                f"{path} is a segment of the prediction log: its rows cannot be told apart by "
                f"{self._slice_column}, since inputs are encrypted",
                hint="leave --slice out, or compare tables",
            )
        score = self._profile.score
        # Of classes the log has the name of the likeliest one, which is what the profile counts.
        name = "class" if score.names else "score"
        for batch in log_batches(path, ROWS_AT_ONCE, [name]):
            self._releases |= {*map(str, batch.column("release_digest").unique().to_pylist())}
            yield [(score, batch.column(name))], None

    def _count(self, part: Part, labels: "Column | None", pool: ThreadPoolExecutor) -> None:
        rows = len(part[0][1])
        self._add(None, part, pool)
        if labels is not None:
            texts = slice_labels(labels)
            for label in map(str, texts.unique().to_pylist()):
                inside = pc.equal(texts, pa.scalar(label))
                self._add(label, [(bins, each.filter(inside)) for bins, each in part], pool)
        self._progress(rows)

    def _add(self, name: str | None, part: Part, pool: ThreadPoolExecutor) -> None:
        chosen = self._chosen or self._profile
        values = np.concatenate(list(pool.map(_counted, *zip(*part, strict=True))))
        counts = Counts.of(chosen, values, len(part[0][1]))
        self._total[name] = self._total[name] + counts if name in self._total else counts
        if len(self._total) > MOST_SLICES + 1:
            raise InvalidInput(
                f"the column {self._slice_column} has more than {MOST_SLICES} values: expected a "
                "column that tells a few groups apart",
                hint="write a column with fewer groups, such as bands of age",
            )


def slice_labels(column: Column) -> "pa.StringArray":
    """Return the text of each value, in which no digit of a code is lost; `missing` for none."""
    plain = plain_column(pa.chunked_array([column]))
    if plain is None:
        raise InvalidInput(f"rows cannot be told apart by values of type {column.type}")
    values: list[object] = plain.to_pylist()
    return pa.array([_label(value) for value in values], pa.string())


def _label(value: object) -> str:
    if value is None or value != value:
        return "missing"
    if isinstance(value, bool):
        return "true" if value else "false"
    # 1.0 in one file and 1 in another are one group.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _of_fewer(counts: Counts, before: Profile, chosen: Profile) -> Counts:
    """Return the counts over some of the columns of a profile."""
    names = {bins.name for bins in chosen.columns}
    parts = [counts.values[place] for bins, place in before.slices() if bins.name in names]
    return Counts(np.concatenate(parts), counts.cells, counts.refused[: len(parts)])


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
    return _rounded(bins, column.to_numpy(zero_copy_only=False))


def _rounded(bins: Bins, numbers: "NDArray[np.generic]") -> Floats:
    """Return the values as the model gets them; a code that would become another one is unseen.

    Codes of a contract are exact in 32 bits. A longer one would be counted as its neighbour.
    """
    values: Floats = numbers.astype(np.float32, copy=False)
    if bins.kind == "category" and numbers.dtype != np.float32:
        is_other = (values != numbers) & (values == values)
        values[is_other] = _UNSEEN
    return values


def _measured_texts(bins: Bins, column: TextColumn) -> Floats:
    if not is_text(column.type) and column.null_count < len(column):
        raise InvalidInput(f"column {bins.source} is of type {column.type}: expected texts")
    return measured(bins, column.to_pylist())


def _of_texts(bins: Bins, column: TextColumn) -> Floats:
    if not bins.names:
        numbers = _rounded(bins, numbers_of(column))
        numbers[np.isnan(numbers) & ~is_gap(column)] = _UNSEEN
        return numbers
    places = pc.index_in(column, pa.array(bins.names)).to_numpy()
    is_unknown = np.isnan(places.astype(np.float64))
    codes = np.array([*bins.atoms, _UNSEEN], np.float32)
    values: Floats = codes[np.where(is_unknown, len(bins.atoms), places).astype(np.intp)]
    values[is_unknown & is_gap(column)] = np.nan
    return values
