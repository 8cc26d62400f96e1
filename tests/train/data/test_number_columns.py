"""Columns of numbers are read one after the other, and are what the whole table has."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goldenpath.errors import InvalidInput
from goldenpath.train.data.number_columns import read_numbers


def test_whole_numbers_and_floats_are_read_and_the_rest_is_left(tmp_path: Path) -> None:
    columns = {
        "whole": pa.array([1, 2, 3, 4, 5]),
        "gaps": pa.array([1, None, 3, None, 5]),
        "float": pa.array([0.5, None, float("nan"), 1e300, -0.0]),
        "small": pa.array([0.1, 0.2, 0.3, 0.4, None], pa.float32()),
        "a.b": pa.array([1, 2, 3, 4, 5], pa.uint8()),
        "text": pa.array(["1", "2", "3", "4", "5"]),
        "truth": pa.array([True, False, True, None, True]),
        "list": pa.array([[1.0], [2.0], [3.0], [4.0], [5.0]]),
    }
    table = pa.table(columns)
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=2)

    found = read_numbers(tmp_path / "t.parquet", {*columns, "absent"})

    assert set(found) == {"whole", "gaps", "float", "small", "a.b"}
    for name, numbers in found.items():
        assert numbers.dtype == np.float64
        np.testing.assert_array_equal(numbers, np.asarray(table[name].to_numpy(), np.float64))


def test_two_columns_of_one_name_are_left_to_who_refuses_them(tmp_path: Path) -> None:
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], ["x", "x"]), tmp_path / "t.parquet")

    assert read_numbers(tmp_path / "t.parquet", {"x"}) == {}


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no table"])
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.parquet").write_bytes(content)

    with pytest.raises(InvalidInput, match="is not a Parquet file"):
        read_numbers(tmp_path / "t.parquet", {"x"})
    with pytest.raises(InvalidInput, match="is not a Parquet file"):
        read_numbers(tmp_path / "absent.parquet", {"x"})


def bytes_held_by_arrow(file: Path, columns: int) -> int:
    rows = np.random.default_rng(0).normal(size=20_000)
    pq.write_table(pa.table({f"x{place}": rows + place for place in range(columns)}), file)
    whole = pa.default_memory_pool()
    counted = pa.proxy_memory_pool(whole)
    pa.set_memory_pool(counted)
    try:
        assert len(read_numbers(file, {f"x{place}" for place in range(columns)})) == columns
    finally:
        pa.set_memory_pool(whole)
    return counted.max_memory() or 0


def test_what_is_held_beside_the_numbers_does_not_grow_with_the_columns(tmp_path: Path) -> None:
    few, many = (bytes_held_by_arrow(tmp_path / str(count), count) for count in (4, 16))

    assert 0 < many < 1.2 * few
