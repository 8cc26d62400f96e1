"""Distinct values of a column, and its rows by value, found by Arrow without an object a row.

A table of millions of keys as Python objects takes many times the memory of the column. What Arrow
cannot compare as Python does goes the slow way: lists, and floats because of NaN.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from goldenpath.train.data.table_file import Column


@dataclass(frozen=True, slots=True, eq=False)
class LabelledRows:
    """The label of each row: a position in `names`, which are sorted and unique."""

    names: tuple[str, ...]
    codes: NDArray[np.int64]

    def rows(self) -> list[str]:
        """Return the label of each row."""
        return [self.names[code] for code in self.codes.tolist()]


def labelled_rows(column: Column, label: Callable[[object], str]) -> LabelledRows:
    """Return the rows of a column by the label of their value; `label` is asked once for each."""
    try:
        encoded = _plain(column).combine_chunks().dictionary_encode("encode")
    except pa.ArrowNotImplementedError:
        labels, indices = [label(value) for value in column.to_pylist()], np.arange(len(column))
    else:
        labels = [label(value) for value in encoded.dictionary.to_pylist()]
        indices = np.asarray(encoded.indices.to_numpy(zero_copy_only=False), np.int64)
    names = sorted(set(labels))
    places = {name: place for place, name in enumerate(names)}
    codes = np.array([places[each] for each in labels], np.int64)
    return LabelledRows(tuple(names), codes[indices])


def count_distinct(column: Column) -> int:
    """Return how many different values a column has; a missing one is a value too."""
    if _is_whole(column):
        return len(np.unique(column.to_numpy()))
    if not pa.types.is_floating(column.type):
        try:
            return int(pc.count_distinct(_plain(column), mode="all").as_py())
        except pa.ArrowNotImplementedError:
            pass
    return len(_as_objects(column))


def count_shared(first: Column, second: Column) -> int:
    """Return how many different values stand in both columns."""
    if _is_whole(first) and _is_whole(second):
        one, two = (np.unique(each.to_numpy()) for each in (first, second))
        return len(np.intersect1d(one, two, assume_unique=True))
    kinds = (_plain(first).type, _plain(second).type)
    common = _common_type(*kinds)
    if common is not None:
        try:
            ours, theirs = (pc.unique(_plain(each).cast(common)) for each in (first, second))
            return int(np.count_nonzero(pc.is_in(theirs, value_set=ours).to_numpy(False)))
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
            pass
    return len(_as_objects(first) & _as_objects(second))


def _is_whole(column: Column) -> bool:
    """Whether it has whole numbers alone; sorting them takes less memory than a hash table."""
    kind = column.type
    return pa.types.is_integer(kind) and kind != pa.uint64() and not column.null_count


def _plain(column: Column) -> Column:
    """Return a column without a dictionary."""
    kind = column.type
    return column.cast(kind.value_type) if pa.types.is_dictionary(kind) else column


def _common_type(first: pa.DataType, second: pa.DataType) -> pa.DataType | None:
    """Return a type in which equal values stay equal; None where Python has to compare."""
    for is_kind, common in (
        (pa.types.is_integer, pa.int64()),
        (lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
         pa.large_string()),
    ):  # fmt: skip
        if is_kind(first) and is_kind(second):
            return common
    return None


def _as_objects(column: Column) -> set[object]:
    return {tuple(each) if isinstance(each, list) else each for each in column.to_pylist()}
