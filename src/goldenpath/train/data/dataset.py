"""Describes data for the record: digest, size, shape, time range, and a summary of each column."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pyarrow.parquet

from goldenpath.errors import InvalidInput
from goldenpath.project.data_digest import DataDigest, digest_data
from goldenpath.project.spec import DataSource
from goldenpath.train.data.table_file import Column
from goldenpath.train.training_run import ColumnSummary, Dataset

_FORMATS: tuple[Literal["parquet", "csv"], ...] = ("parquet", "csv")
_Values: TypeAlias = "pa.ChunkedArray[pa.Scalar[pa.DataType]]"


def describe_all(paths: Mapping[str, Path], sources: Sequence[DataSource]) -> tuple[Dataset, ...]:
    """Return the records of all data. Raises as `refuse_changed` and `describe` do."""
    return tuple(
        describe(
            paths[source.name],
            source,
            _checked_digest(paths[source.name], source, "since it was pinned"),
        )
        for source in sources
    )


def refuse_changed(paths: Mapping[str, Path], sources: Sequence[DataSource], when: str) -> None:
    """Raise `InvalidInput` if data are missing or differ from their pinned digest.

    `when` completes the message, such as "during the training".
    """
    for source in sources:
        _checked_digest(paths[source.name], source, when)


def _checked_digest(path: Path, source: DataSource, when: str) -> DataDigest:
    if not path.exists():
        raise InvalidInput(f"{path} is missing {when}: expected the data {source.name!r}")
    data = digest_data(path, pieces=source.pieces)
    if data.digest.text != source.digest:
        raise InvalidInput(
            f"{path} has changed {when}: expected {source.digest}, got {data.digest}",
            hint=f"restore the data, or pin them with goldenpath data --pin {source.name}",
        )
    return data


def describe(path: Path, source: DataSource, digested: DataDigest) -> Dataset:
    """Return the record of one file or folder.

    Other formats than Parquet and CSV are recorded without rows and columns. Raises `InvalidInput`
    if a file does not have the format of its name, or lacks a column that the declaration names.
    """
    table = table_of(path)
    columns = () if table is None else tuple(_column(table, name) for name in table.schema.names)
    first, last = _time_range(table, source)
    return Dataset(
        name=source.name,
        path=source.path,
        digest=source.digest,
        size=digested.size,
        rows=0 if table is None else table.count_rows(),
        columns=columns,
        source=source.source,
        licence=source.licence,
        description=source.description,
        files=digested.files,
        listing=source.digest if digested.listing else "",
        first=first,
        last=last,
        repeated=_repeated(table, source),
    )


def time_range(path: Path, source: DataSource) -> tuple[str, str]:
    """Return the earliest and latest time of the rows, RFC 3339; empty if no column is declared.

    Raises `InvalidInput` as `describe` does.
    """
    return _time_range(table_of(path), source)


def read_parquet(path: Path, wanted: Collection[str] | None = None) -> pa.Table:
    """Read a Parquet file, of its columns those that are wanted.

    Raises `InvalidInput` if it is missing or not a Parquet file.
    """
    try:
        names = pyarrow.parquet.read_schema(path).names
        chosen = None if wanted is None else [name for name in names if name in wanted]
        return pyarrow.parquet.read_table(path, columns=chosen)
    except (OSError, pa.ArrowException) as error:
        raise InvalidInput(f"{path} is not a Parquet file: {error}") from error


def table_of(path: Path) -> pyarrow.dataset.Dataset | None:
    """Return all Parquet files as one table, else all CSV files; None if there are neither.

    Raises `InvalidInput` if a file does not have the format of its name.
    """
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    for suffix in _FORMATS:
        chosen = [str(file) for file in files if file.suffix == f".{suffix}"]
        if chosen:
            try:
                return pyarrow.dataset.dataset(chosen, format=suffix)
            except (OSError, pa.ArrowException) as error:
                raise InvalidInput(
                    f"{path} does not hold {suffix.upper()} files: {error}"
                ) from error
    return None


def _values(table: pyarrow.dataset.Dataset, name: str) -> _Values:
    """Read one column. Reading columns one by one bounds the memory by the largest column."""
    try:
        return table.to_table(columns=[name])[name]
    except (OSError, pa.ArrowException) as error:
        raise InvalidInput(f"column {name!r} of the data cannot be read: {error}") from error


def _declared(
    table: pyarrow.dataset.Dataset | None, source: DataSource, key: str, name: str
) -> "_Values | None":
    if not name:
        return None
    if table is None or name not in table.schema.names:
        raise InvalidInput(
            f"the data {source.name!r} have no column {name!r}: "
            f"expected the one that data.{source.name}.{key} names"
        )
    return _values(table, name)


def _time_range(table: pyarrow.dataset.Dataset | None, source: DataSource) -> tuple[str, str]:
    values = _declared(table, source, "time", source.time)
    if values is None:
        return "", ""
    try:
        moments = values.cast(pa.timestamp("us", "UTC"))
    except pa.ArrowException as error:
        raise InvalidInput(
            f"column {source.time!r} of {source.name!r} holds no times: expected dates or times, "
            f"got {values.type}",
        ) from error
    first, last = pc.min(moments).as_py(), pc.max(moments).as_py()
    return _stamp(first), _stamp(last)


def _stamp(moment: object) -> str:
    if not isinstance(moment, datetime):
        return ""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _repeated(table: pyarrow.dataset.Dataset | None, source: DataSource) -> int | None:
    values = _declared(table, source, "key", source.key)
    if values is None:
        return None
    return len(values) - int(pc.count_distinct(values, mode="all").as_py())


def _distinct(values: _Values) -> int:
    """Return how many different values a column has, missing ones left out."""
    try:
        return int(pc.count_distinct(values, mode="only_valid").as_py())
    except pa.ArrowNotImplementedError:  # a list, or another value of several parts
        return len({_digest_of(value) for value in _plain_values(values)})


def _plain_values(values: Column) -> Iterator[bytes]:
    """Yield each value as bytes; equal values give equal ones."""
    kind = values.type
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    if not (is_list and pa.types.is_floating(kind.value_type)):
        yield from (repr(value).encode() for value in values.drop_null().to_pylist())
        return
    for chunk in values.drop_null().chunks:
        ends = np.cumsum(pc.list_value_length(chunk).to_numpy())
        flat = np.asarray(pc.list_flatten(chunk).to_numpy(zero_copy_only=False))
        for start, end in pairwise([0, *ends.tolist()]):
            yield flat[start:end].tobytes()


def _digest_of(value: bytes) -> bytes:
    """Return what tells values apart in little memory."""
    return hashlib.blake2b(value, digest_size=16).digest()


def _column(table: pyarrow.dataset.Dataset, name: str) -> ColumnSummary:
    values = _values(table, name)
    kind = values.type
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    distinct = _distinct(values)
    if not is_number or len(values) == values.null_count:
        return ColumnSummary(name, str(kind), values.null_count, distinct)
    return ColumnSummary(
        name=name,
        type=str(kind),
        missing=values.null_count,
        distinct=distinct,
        minimum=float(pc.min(values).as_py()),
        maximum=float(pc.max(values).as_py()),
        mean=float(pc.mean(values.cast(pa.float64())).as_py()),
    )
