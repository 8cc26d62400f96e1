"""Reads tables as people have them: Parquet, Arrow, CSV and JSON, told apart by their content.

No digit is lost: a code such as 007 in a CSV file stays a text, and NA is only a missing value in
a column of numbers. Batches are read one by one, so a file may be larger than memory.
"""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from goldenpath.errors import InvalidInput

Kind = Literal["parquet", "arrow", "stream", "json", "csv"]
Column: TypeAlias = "pa.ChunkedArray[Any]"
"""A column of a table; only its values say which type they have."""

MAX_JSON = 256 * 1024 * 1024
"""Bytes of a JSON document that is no list of lines; it is read as a whole."""
_GAPS = ("NA", "N/A", "NaN", "nan", "null", "NULL", "None", "-")
"""Texts that mean a missing number, in a column whose other values are numbers."""
_DELIMITERS = ",;\t|"
"""The one that is most frequent in the header counts; of equals the first."""
_LONGEST_HEADER = 1024 * 1024
_WHOLE = r"^-?(0|[1-9][0-9]{0,17})$"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_PADDED = r"^-?0[0-9]"


def kind_of(path: Path) -> Kind:
    """Return the format of a file by its first bytes.

    Raises `InvalidInput` if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"ARROW1"):
        return "arrow"
    if head.startswith(b"\xff\xff\xff\xff"):
        return "stream"
    return "json" if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") else "csv"


def column_names(path: Path) -> list[str]:
    """Return the names of the columns; of a JSON file those of its first object.

    Raises `InvalidInput` if the file is no table, or if it is empty.
    """
    kind = kind_of(path)
    try:
        if kind == "parquet":
            return list(pyarrow.parquet.read_schema(path).names)
        if kind == "csv":
            return _csv_header(path)[1]
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} is not a table that can be read: {error}") from error
    first = next(batches(path, 1), None)
    if first is None:
        raise InvalidInput(f"{path} has no rows: expected a table with rows")
    return list(first.schema.names)


def batches(
    path: Path, rows: int, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file in its order, about `rows` at a time; CSV columns are texts.

    Raises `InvalidInput` if the file is no table, or lacks one of `columns`.
    """
    try:
        yield from _batches(path, kind_of(path), rows, columns)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} is not a table that can be read: {error}") from error


def read_table(path: Path) -> pa.Table:
    """Return the whole table; the columns of a CSV file get the type that all their values have.

    Raises `InvalidInput` if the file is no table or has no rows.
    """
    parts = list(batches(path, 65536))
    if not parts:
        raise InvalidInput(f"{path} has no rows: expected a table with rows")
    try:
        table = pa.Table.from_batches(parts)
    except pa.ArrowException:
        table = pa.concat_tables(
            [pa.Table.from_batches([part]) for part in parts], promote_options="permissive"
        )
    if kind_of(path) == "csv":
        table = pa.table({name: typed_column(table[name]) for name in table.column_names})
    return table


def typed_column(texts: Column) -> Column:
    """Return a column of texts as whole numbers, as numbers, or as it is."""
    present = pc.if_else(pc.is_in(texts, pa.array(_GAPS)), None, texts)
    if present.null_count == len(present):
        return texts
    if pc.any(pc.match_substring_regex(present, _PADDED)).as_py():
        return texts  # 007 is a code: as a number it would lose its zeros
    for pattern, kind in ((_WHOLE, pa.int64()), (_NUMBER, pa.float64())):
        if pc.all(pc.match_substring_regex(present, pattern)).as_py():
            numbers: Column = present.cast(kind)
            return numbers
    return texts


def plain_column(values: Column) -> "Column | None":
    """Return a column of numbers or texts without its dictionary; None if it has other values.

    A column without any type holds missing numbers.
    """
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    kind = values.type
    if pa.types.is_null(kind):
        return values.cast(pa.float64())
    tests = (
        pa.types.is_string, pa.types.is_large_string, pa.types.is_boolean,
        pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal,
    )  # fmt: skip
    return values if any(test(kind) for test in tests) else None


def is_text(kind: pa.DataType) -> bool:
    """Whether values of this type are texts."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def numbers_of(texts: Column) -> NDArray[np.float64]:
    """Return the number that each text is; NaN for a missing value, and for a text that is none."""
    is_number = pc.match_substring_regex(texts, _NUMBER)
    numbers = pc.if_else(is_number, texts, None).cast(pa.float64())
    return np.asarray(numbers.to_numpy(), np.float64)


def is_gap(texts: Column) -> NDArray[np.bool_]:
    """Return which texts mean that a number is missing."""
    gaps = pc.or_(pc.is_null(texts), pc.is_in(texts, pa.array(["", *_GAPS])))
    return np.asarray(gaps.to_numpy(), np.bool_)


def _batches(
    path: Path, kind: Kind, rows: int, columns: Sequence[str] | None
) -> Iterator[pa.RecordBatch]:
    if kind == "json":
        yield from _of_json(path, rows, columns)
        return
    if kind == "parquet":
        file = pyarrow.parquet.ParquetFile(path)
        _require(path, file.schema_arrow.names, columns)
        yield from file.iter_batches(batch_size=rows, columns=_listed(columns))
        return
    if kind == "csv":
        source: Iterator[pa.RecordBatch] = _of_csv(path, columns)
    elif kind == "arrow":
        opened = pa.ipc.open_file(pa.memory_map(str(path)))
        _require(path, opened.schema.names, columns)
        source = (opened.get_batch(place) for place in range(opened.num_record_batches))
    else:
        stream = pa.ipc.open_stream(pa.memory_map(str(path)))
        _require(path, stream.schema.names, columns)
        source = iter(stream)
    for batch in source:
        chosen = batch if columns is None else batch.select(list(columns))
        for start in range(0, chosen.num_rows, rows):
            yield chosen.slice(start, rows)


def _csv_header(path: Path) -> tuple[pyarrow.csv.ParseOptions, list[str]]:
    with path.open("rb") as file:
        head = file.readline(_LONGEST_HEADER)
    form = pyarrow.csv.ParseOptions(delimiter=max(_DELIMITERS, key=head.decode("latin-1").count))
    header = io.BytesIO(head.rstrip(b"\r\n") + b"\n")
    plain = pyarrow.csv.ReadOptions(use_threads=False)
    return form, list(pyarrow.csv.read_csv(header, plain, form).schema.names)


def _of_csv(path: Path, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    form, names = _csv_header(path)
    _require(path, names, columns)
    convert = pyarrow.csv.ConvertOptions(
        column_types={name: pa.string() for name in names},
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    yield from pyarrow.csv.open_csv(path, parse_options=form, convert_options=convert)


def _of_json(path: Path, rows: int, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    waiting: list[dict[str, object]] = []
    for record in _records(path):
        if columns is not None:
            _require(path, list(record), columns)
            record = {name: record[name] for name in columns}
        waiting.append(record)
        if len(waiting) == rows:
            yield pa.RecordBatch.from_pylist(waiting)
            waiting = []
    if waiting:
        yield pa.RecordBatch.from_pylist(waiting)


def _records(path: Path) -> Iterator[dict[str, object]]:
    """Yield the objects of a list, of a list under `rows`, or of lines."""
    with path.open("rb") as file:
        first = file.readline(MAX_JSON)
        try:
            line = msgspec.json.decode(first)
        except msgspec.DecodeError:
            line = None
        rest = file.read(1)
    if isinstance(line, dict) and rest:
        yield from _lines(path)
        return
    if path.stat().st_size > MAX_JSON:
        raise InvalidInput(
            f"{path} is one JSON document of more than {MAX_JSON} bytes",
            hint="write one object on each line, or a Parquet file",
        )
    try:
        whole = msgspec.json.decode(path.read_bytes())
    except msgspec.DecodeError as error:
        raise InvalidInput(f"{path} is no JSON: {error}") from error
    listed = whole.get("rows", [whole]) if isinstance(whole, dict) else whole
    if not isinstance(listed, list) or not all(isinstance(row, dict) for row in listed):
        raise InvalidInput(f"{path} is no table: expected a list of objects, or one on each line")
    yield from listed


def _lines(path: Path) -> Iterator[dict[str, object]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = msgspec.json.decode(line)
            except msgspec.DecodeError as error:
                raise InvalidInput(f"{path} has no JSON in line {number}: {error}") from error
            if not isinstance(record, dict):
                raise InvalidInput(f"{path} has no object in line {number}")
            yield record


def _require(path: Path, names: Sequence[str], columns: Sequence[str] | None) -> None:
    missing = [name for name in columns or () if name not in names]
    if missing:
        raise InvalidInput(
            f"{path} has no column {', '.join(missing)}: its columns are {', '.join(names)[:300]}"
        )


def _listed(columns: Sequence[str] | None) -> list[str] | None:
    return None if columns is None else list(columns)
