"""`goldenpath send --rows`: CSV, JSON, Parquet and Arrow, from a file and from standard input."""

import json
from collections.abc import Callable
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from goldenpath.cli.parameters import ROWS, rows_file
from goldenpath.serve.send_rows import read_rows
from tests.serve.running import CONTRACT, ROW

NAMES = ("limit", "age", "status", "paid")
TABLE = pa.table({name: [value] * 2 for name, value in zip(NAMES, ROW, strict=True)})


def _parquet() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(TABLE, sink)
    return bytes(sink.getvalue().to_pybytes())


def _arrow() -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, TABLE.schema) as file:
        file.write_table(TABLE)
    return bytes(sink.getvalue().to_pybytes())


FORMS: dict[str, Callable[[], bytes]] = {
    "csv": lambda: ("\n".join([",".join(NAMES), *[",".join(map(str, ROW))] * 2])).encode(),
    "csv with semicolons": lambda: (
        "\n".join([";".join(NAMES), *[";".join(map(str, ROW))] * 2])
    ).encode(),
    "json": lambda: json.dumps(TABLE.to_pylist()).encode(),
    "json under rows": lambda: json.dumps({"rows": TABLE.to_pylist()}).encode(),
    "json lines": lambda: "\n".join(map(json.dumps, TABLE.to_pylist())).encode(),
    "parquet": _parquet,
    "arrow": _arrow,
}


@click.command()
@click.argument("file", type=ROWS)
def shown(file: Path) -> None:
    """Print the rows of a table as JSON."""
    with rows_file(file) as path:
        click.echo(json.dumps(read_rows(path, CONTRACT, "", 10).rows.tolist()))


@pytest.mark.parametrize("form", FORMS)
def test_rows_come_from_a_file_and_from_standard_input(form: str, tmp_path: Path) -> None:
    content = FORMS[form]()
    (tmp_path / "rows").write_bytes(content)

    for path in (str(tmp_path / "rows"), "-"):
        done = CliRunner().invoke(shown, [path], input=content, catch_exceptions=False)
        assert json.loads(done.stdout) == [ROW, ROW], path
