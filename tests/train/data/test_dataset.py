"""The record of data: rows and columns of all files, the time range, and repeated keys."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goldenpath.errors import InvalidInput
from goldenpath.project.data_digest import digest_data
from goldenpath.project.spec import DataSource
from goldenpath.train.data.dataset import describe
from goldenpath.train.training_run import Dataset


def described(path: Path, **declared: str) -> Dataset:
    data = digest_data(path)
    source = DataSource("clients", path.name, data.digest.text, **declared)  # type: ignore[arg-type]
    return describe(path, source, data)


def test_the_files_of_a_folder_are_one_table(tmp_path: Path) -> None:
    for month in (4, 5):
        (tmp_path / f"2005/{month}").mkdir(parents=True)
        rows = {"client": [1, 2, 3], "at": [date(2005, month, day) for day in (1, 2, 3)]}
        pq.write_table(pa.table(rows), tmp_path / f"2005/{month}/rows.parquet")
    (tmp_path / "README.txt").write_text("read me")

    record = described(tmp_path, time="at", key="client")

    assert (record.rows, record.files, record.listing) == (6, 3, record.digest)
    assert (record.first, record.last) == ("2005-04-01T00:00:00Z", "2005-05-03T00:00:00Z")
    assert record.repeated == 3
    (client, at) = record.columns
    assert (client.name, client.type, client.minimum, client.maximum) == ("client", "int64", 1, 3)
    assert (at.name, at.distinct) == ("at", 6)


def test_dates_of_a_csv_file_give_its_time_range(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("client,day\n1,2005-04-30\n2,2005-04-01\n3,\n")

    record = described(path, time="day")

    assert (record.first, record.last) == ("2005-04-01T00:00:00Z", "2005-04-30T00:00:00Z")
    assert (record.repeated, record.listing) == (None, "")


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"time": "when"}, r"no column 'when': expected the one that data\.clients\.time names"),
        ({"key": "id"}, r"no column 'id': expected the one that data\.clients\.key names"),
        ({"time": "name"}, "holds no times"),
    ],
)
def test_a_declared_column_that_is_missing_or_holds_no_times_is_refused(
    tmp_path: Path, declared: dict[str, str], message: str
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("client,name\n1,anna\n")

    with pytest.raises(InvalidInput, match=message):
        described(path, **declared)


def test_other_formats_have_no_rows_but_a_digest(tmp_path: Path) -> None:
    path = tmp_path / "rows.bin"
    path.write_bytes(b"\0\1\2")

    record = described(path)

    assert (record.rows, record.columns, record.size) == (0, (), 3)
    with pytest.raises(InvalidInput, match="no column"):
        described(path, key="id")


def test_a_file_without_the_format_of_its_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"not parquet")

    with pytest.raises(InvalidInput, match="does not hold PARQUET files"):
        described(path)


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float64()), pa.large_list(pa.float32()), pa.list_(pa.int64()),
             pa.list_(pa.float64(), 2), pa.struct([("a", pa.int64())])],
)  # fmt: skip
def test_values_of_several_parts_are_counted_too(tmp_path: Path, kind: pa.DataType) -> None:
    values: list[object] = [[1, 2], [2, 1], None, [1, 2], [1, 2]]
    if pa.types.is_struct(kind):
        values = [each and {"a": each[0]} for each in ([1], [2], None, [1], [1])]
    pq.write_table(pa.table({"face": pa.array(values, kind)}), tmp_path / "rows.parquet")

    (column,) = described(tmp_path / "rows.parquet").columns

    assert (column.distinct, column.missing) == (2, 1)
