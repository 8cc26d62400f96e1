"""Tables of every format are counted alike, whatever their types and however large they are."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from goldenpath.drift.profile import Bins, Profile
from goldenpath.errors import InvalidInput
from goldenpath.observe.drift import table_counts
from goldenpath.observe.drift.table_counts import count_tables

EDGES = (0.0, 1.0, 2.0, 3.0)
PROFILE = Profile(
    100,
    (
        Bins("age", "number", (), EDGES, (30, 30, 40, 0, 0)),
        Bins("kind", "category", (0.0, 1.0), (), (50, 50, 0, 0), names=("card", "loan")),
    ),
    Bins("score", "score", (), (0.0, 0.5, 1.0), (50, 50, 0, 0)),
    days=10,
)
AGES = [0.5, 1.5, 2.5, 9.0, None]
KINDS = ["card", "loan", "rent", "", None]


def _arrow(path: Path, table: pa.Table) -> None:
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)


def _stream(path: Path, table: pa.Table) -> None:
    with pa.ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table)


WRITERS: dict[str, Callable[[Path, pa.Table], object]] = {
    "parquet": lambda path, table: pyarrow.parquet.write_table(table, path),
    "arrow": _arrow,
    "stream": _stream,
    "csv": lambda path, table: pyarrow.csv.write_csv(table, path),
}


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_every_format_gives_the_same_counts(
    writer: Callable[[Path, pa.Table], object], tmp_path: Path
) -> None:
    path = tmp_path / "rows"
    writer(path, pa.table({"age": AGES, "kind": KINDS, "score": [0.1, 0.6, 0.7, 0.8, 0.9]}))

    found = count_tables(PROFILE, [path])

    assert found.counts.values.tolist() == [1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 4, 0, 0]
    assert found.counts.rows == 5


@pytest.mark.parametrize("kind", [pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.bool_()])
def test_every_type_of_number_is_counted(kind: pa.DataType, tmp_path: Path) -> None:
    path = tmp_path / "rows"
    ages = pa.array([1, 1, None], pa.int64()).cast(kind)
    kinds = pa.array(["card", "loan", "loan"]).dictionary_encode()
    pyarrow.parquet.write_table(pa.table({"age": ages, "kind": kinds}), path)

    found = count_tables(PROFILE, [path, path])

    assert found.counts.values.tolist() == [4, 0, 0, 0, 2, 2, 4, 0, 0]
    assert "score" not in {bins.name for bins in found.profile.columns}


def test_text_in_a_column_of_numbers_is_a_value_that_the_reference_does_not_have(
    tmp_path: Path,
) -> None:
    path = tmp_path / "rows"
    path.write_text("age,kind\n1.5,card\nmany,card\nNA,card\n", encoding="utf-8")

    found = count_tables(PROFILE, [path])

    assert found.counts.values[:5].tolist() == [0, 1, 0, 1, 1]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"kind": ["card"]}, "has no column age"),
        ({"age": pa.array([1], pa.timestamp("s")), "kind": ["card"]}, "column age is of type"),
        ({"age": [1.0], "kind": [1]}, "column kind has numbers: expected texts"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    columns: dict[str, object], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "rows"
    pyarrow.parquet.write_table(pa.table(columns), path)

    with pytest.raises(InvalidInput, match=message):
        count_tables(PROFILE, [path])


def test_columns_that_the_reference_lacks_are_named(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    pyarrow.parquet.write_table(pa.table({"age": [1.0], "kind": ["card"], "more": [1]}), path)

    assert count_tables(PROFILE, [path]).unknown == ("more",)


def test_no_more_rows_are_held_than_one_part_has(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    parts: list[int] = []
    size = 2 * table_counts.ROWS_AT_ONCE + 10
    ages = np.full(size, 1.5, np.float32)
    kinds = pa.DictionaryArray.from_arrays(np.zeros(size, np.int8), ["card"])
    pyarrow.parquet.write_table(pa.table({"age": ages, "kind": kinds}), path)

    found = count_tables(PROFILE, [path], parts.append)

    assert found.counts.rows == sum(parts) == size
    assert len(parts) >= 3 and max(parts) <= table_counts.ROWS_AT_ONCE
