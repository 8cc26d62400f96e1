"""Data files as they are read: digest, size, shape and a summary of each column."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from goldenpath.errors import InvalidInput
from goldenpath.project.meaning import digest_file
from goldenpath.project.spec import DataSource
from goldenpath.train.record import Column, Dataset


def refuse_changed(root: Path, sources: Sequence[DataSource], when: str) -> None:
    """Raises `InvalidInput` if a file is gone or differs from its pinned digest."""
    for source in sources:
        path = root / source.path
        if not path.is_file():
            raise InvalidInput(f"{path} is missing {when}: expected the data {source.name!r}")
        digest = digest_file(path)
        if digest.text != source.digest:
            raise InvalidInput(
                f"{path} has changed {when}: expected {source.digest}, got {digest}",
                hint=f"bring the file back, or pin the new digest under data.{source.name}",
            )


def describe(root: Path, source: DataSource) -> Dataset:
    """The record of one file; a format other than Parquet or CSV has no rows and no columns."""
    path = root / source.path
    table = _read(path)
    return Dataset(
        name=source.name,
        path=source.path,
        digest=source.digest,
        size=path.stat().st_size,
        rows=table.num_rows if table is not None else 0,
        columns=_columns(table) if table is not None else (),
        source=source.source,
        licence=source.licence,
        description=source.description,
    )


def read_parquet(path: Path) -> pa.Table:
    """A Parquet file. Raises `InvalidInput` if it is absent or not one."""
    try:
        return pyarrow.parquet.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise InvalidInput(f"{path} is not a Parquet file: {error}") from error


def _read(path: Path) -> pa.Table | None:
    if path.suffix == ".parquet":
        return read_parquet(path)
    if path.suffix == ".csv":
        try:
            return pyarrow.csv.read_csv(path)
        except (OSError, pa.ArrowException) as error:
            raise InvalidInput(f"{path} is not a CSV file: {error}") from error
    return None


def _columns(table: pa.Table) -> tuple[Column, ...]:
    return tuple(_column(name, table[name]) for name in table.column_names)


def _column(name: str, values: "pa.ChunkedArray[pa.Scalar[pa.DataType]]") -> Column:
    kind = values.type
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    distinct = pc.count_distinct(values, mode="only_valid").as_py()
    if not is_number or len(values) == values.null_count:
        return Column(name, str(kind), values.null_count, distinct)
    return Column(
        name=name,
        type=str(kind),
        missing=values.null_count,
        distinct=distinct,
        minimum=float(pc.min(values).as_py()),
        maximum=float(pc.max(values).as_py()),
        mean=float(pc.mean(values.cast(pa.float64())).as_py()),
    )
