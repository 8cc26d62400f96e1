"""Distinct and shared values by Arrow are those of Python, and cost no object for each row."""

import datetime
import tracemalloc
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from goldenpath.train.data.distinct_values import (
    count_distinct,
    count_shared,
    labelled_rows,
)

COLUMNS: tuple[tuple[list[Any], list[Any]], ...] = (
    ([3, 1, 3, 2], [2, 3, 5, 5]),
    ([3, None, 3, None], [None, 4]),
    ([3, None], [4, 3]),
    ([1, 2], [1.0, 2.5]),
    ([1.5, 1.5, 2.0], [2.0]),
    (["a", "b", "a"], ["b", "c", None]),
    (["1", "2"], [1, 2]),
    ([True, False, True], [True]),
    ([b"a", b"b"], [b"b"]),
    ([[1, 2], [1, 2], [3]], [[3], [4]]),
    ([datetime.date(2026, 1, 1), datetime.date(2026, 1, 2)], [datetime.date(2026, 1, 2)]),
    ([2**63, 5], [5]),
    ([], []),
)


def objects(values: list[Any]) -> set[object]:
    return {tuple(each) if isinstance(each, list) else each for each in values}


def arrow(values: list[Any]) -> Any:
    return pa.array(values, pa.uint64() if 2**63 in values else None)


def label(value: object) -> str:
    return "missing" if value is None else str(value)


@pytest.mark.parametrize(("one", "two"), COLUMNS, ids=lambda each: str(each)[:30])
def test_values_are_counted_as_python_counts_them(one: list[Any], two: list[Any]) -> None:
    first, second = (pa.chunked_array([arrow(each)]) for each in (one, two))

    assert count_distinct(first) == len(objects(one))
    assert count_shared(first, second) == len(objects(one) & objects(two))
    labelled = labelled_rows(first, label)
    assert labelled.rows() == [label(each) for each in first.to_pylist()]
    assert list(labelled.names) == sorted({label(each) for each in one})


def test_dictionaries_wide_texts_and_several_chunks_count_as_their_values() -> None:
    plain = pa.array(["a", "b", None, "a"])
    forms = (plain, plain.dictionary_encode(), plain.cast(pa.large_string()))
    for form in forms:
        column = pa.chunked_array([form.slice(0, 2), form.slice(2)])
        assert count_distinct(column) == 3
        assert all(count_shared(column, pa.chunked_array([other])) == 3 for other in forms)
        assert labelled_rows(column, label).rows() == ["a", "b", "missing", "a"]


def test_two_values_of_one_label_are_one_group() -> None:
    column = pa.chunked_array([pa.array(["missing", None, "b"])])

    assert labelled_rows(column, label).names == ("b", "missing")


def bytes_a_row(rows: int) -> float:
    keys = pa.chunked_array([pa.array(np.arange(rows) + 10**12)])
    tracemalloc.start()
    assert count_distinct(keys) == count_shared(keys, keys) == rows
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / rows


def test_keys_cost_a_few_numbers_a_row_and_not_an_object() -> None:
    assert bytes_a_row(25_000) < 60
    assert bytes_a_row(100_000) < 60
