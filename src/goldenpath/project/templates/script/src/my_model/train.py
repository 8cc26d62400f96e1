"""Runs the adopted script as it is, and writes what the platform expects of a training.

The script sees four fifths of the rows, in a file at the place where it looks for them. The others
are the evaluation: no fitting saw them, whatever the script itself holds out.
"""

import csv
import hashlib
import random
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from my_model import adopted, export

SCRIPT = Path(__file__).with_name("script.py")
Parameters = Mapping[str, bool | int | float | str]


def train(data: Mapping[str, Path], output: Path, parameters: Parameters, seed: int) -> None:
    """Run the script, and write its model and both tables into `output`."""
    random.seed(seed)
    np.random.seed(seed)
    table = pq.read_table(data["rows"])
    keys = table[adopted.KEY].to_pylist() if adopted.KEY else range(table.num_rows)
    columns = {name: table[name] for name in table.column_names}
    columns |= {"key": pa.array([str(key) for key in keys]), "target": table[adopted.TARGET]}
    table = pa.table(columns)
    held_out = [_is_held_out(str(key), seed) for key in keys]
    if sample := int(parameters.get("sample", 0)):
        table, held_out = table.slice(0, sample), held_out[:sample]
    training = [row for row, out in enumerate(held_out) if not out]
    evaluation = [row for row, out in enumerate(held_out) if out]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / adopted.ROWS_AT
        place.parent.mkdir(parents=True, exist_ok=True)
        copy_rows(data["given"], place, training)
        model = export.model_of_script(str(SCRIPT), folder, adopted.VARIABLE)
    _write_model(model, table, output)
    for name, rows in (("reference", training), ("evaluation", evaluation)):
        part = table.take(rows)
        scores = np.asarray(export.scores(model, _rows(model, part), adopted.TASK), np.float64)
        if adopted.TASK != "classes":
            scores = scores if scores.ndim == 1 else scores[:, -1]
        kept = ["key", *adopted.COLUMNS]
        if name == "evaluation":
            kept += ["target", *adopted.SLICES]
        listed = pa.table({column: part[column] for column in dict.fromkeys(kept)})
        listed = listed.append_column("score", pa.array(scores.tolist()))
        pq.write_table(listed, output / f"{name}.parquet")


def copy_rows(given: Path, place: Path, rows: Sequence[int]) -> None:
    """Copy some rows of a file, in its own format: Parquet or CSV."""
    with given.open("rb") as file:
        head = file.read(4)
    if head == b"PAR1":
        pq.write_table(pq.read_table(given).take(list(rows)), place)
        return
    chosen = set(rows)
    with (
        given.open(newline="", encoding="utf-8-sig") as source,
        place.open("w", newline="", encoding="utf-8") as target,
    ):
        header = source.readline()
        delimiter = max(",;\t|", key=header.count)
        source.seek(0)
        reader = csv.reader(source, delimiter=delimiter)
        writer = csv.writer(target, delimiter=delimiter, lineterminator="\n")
        writer.writerow(next(reader))
        writer.writerows(row for place, row in enumerate(reader) if place in chosen)


def _write_model(model: object, table: pa.Table, output: Path) -> None:
    export.written(model, _rows(model, table), list(adopted.COLUMNS.values()), output)
    for path in output.iterdir():
        if path.name != adopted.FILE:
            path.unlink()
    if not (output / adopted.FILE).is_file():
        raise SystemExit(f"the script's model could not be written as {adopted.FILE} this time")


def _rows(model: object, table: pa.Table) -> object:
    columns = {own: _plain(table[name]) for name, own in adopted.COLUMNS.items()}
    return export.rows_of(model, columns, list(columns))


def _plain(values: pa.ChunkedArray) -> list[object]:
    """Return a column as it is served: numbers rounded to 32 bits."""
    if pa.types.is_floating(values.type):
        values = values.cast(pa.float32()).cast(pa.float64())
    return values.to_pylist()


def _is_held_out(key: str, seed: int) -> bool:
    """Return whether a row is one of the evaluation, the same in each build."""
    salt = seed.to_bytes(8, "big")
    return hashlib.blake2b(key.encode(), digest_size=1, key=salt).digest()[0] < 51
