"""Tables of every format give the same rows, and no digit is lost on the way."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goldenpath.errors import InvalidInput
from goldenpath.train.data.table_file import batches, kind_of, read_table

ROWS: list[dict[str, object]] = [
    {"age": 20, "income": 1.5, "code": "007", "land": "NA"},
    {"age": 40, "income": None, "code": "12", "land": "DE"},
    {"age": 60, "income": 2e3, "code": "9", "land": None},
]
TABLE = pa.Table.from_pylist(ROWS)


def written(folder: Path, kind: str) -> Path:
    path = folder / f"rows.{kind}"
    match kind:
        case "parquet":
            pq.write_table(TABLE, path)
        case "arrow":
            with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, TABLE.schema) as out:
                out.write_table(TABLE)
        case "stream":
            with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, TABLE.schema) as out:
                out.write_table(TABLE)
        case "list":
            path.write_text(json.dumps(ROWS, indent=1))
        case "rows":
            path.write_text(json.dumps({"rows": ROWS}))
        case "lines":
            path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
        case "csv":
            path.write_text("age,income,code,land\n20,1.5,007,NA\n40,NA,12,DE\n60,2e3,9,\n")
        case "semicolons":
            path.write_text("age;income;code;land\r\n20;1.5;007;NA\r\n40;;12;DE\r\n60;2e3;9;\r\n")
    return path


KINDS = ("parquet", "arrow", "stream", "list", "rows", "lines", "csv", "semicolons")


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_gives_the_same_table(kind: str, tmp_path: Path) -> None:
    assert read_table(written(tmp_path, kind)).to_pylist() == ROWS


@pytest.mark.parametrize("kind", KINDS)
def test_batches_are_as_small_as_wanted_and_have_the_columns_asked_for(
    kind: str, tmp_path: Path
) -> None:
    parts = list(batches(written(tmp_path, kind), 1, ["code"]))

    assert [part.num_rows for part in parts] == [1, 1, 1]
    assert [part.to_pylist()[0] for part in parts] == [{"code": c} for c in ("007", "12", "9")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_column_is_named(kind: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no column wage"):
        list(batches(written(tmp_path, kind), 10, ["age", "wage"]))


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b'{"a": 1}\n[2]\n', b"PAR1", b"a\n\xff"])
def test_what_is_no_table_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "it"
    path.write_bytes(content)

    with pytest.raises(InvalidInput):
        read_table(path)


def test_a_format_is_told_by_content_and_not_by_name(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    pq.write_table(TABLE, path)

    assert kind_of(path) == "parquet"
