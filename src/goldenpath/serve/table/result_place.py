"""Where answers are written: parts first, then the whole result under its own name."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import IO, Protocol, cast

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

FORMATS = (".parquet", ".arrow", ".csv")


class TableWriter(Protocol):
    """Writes the next rows of a result."""

    def __call__(self, table: pa.Table, /) -> None:
        """Write the rows of a table."""


class ResultPlace(Protocol):
    """A result and its parts, in a folder of this machine or in a bucket."""

    def is_there(self) -> bool:
        """Whether the whole result is there."""

    def held(self) -> AbstractContextManager[None]:
        """Keep other processes off the parts. Raises `InvalidInput` if one writes them now."""

    def names(self) -> list[str]:
        """Return the names of all parts, sorted."""

    def read(self, name: str) -> bytes:
        """Return the content of a part."""

    def write(self, name: str, content: bytes) -> None:
        """Write a part, which appears only as a whole."""

    def whole(self) -> AbstractContextManager[pa.NativeFile]:
        """Open the result for writing; it is there only if nothing was raised."""

    def clear(self) -> None:
        """Remove the parts."""


@contextmanager
def table_writer(sink: pa.NativeFile, suffix: str, schema: pa.Schema) -> Iterator[TableWriter]:
    """Write tables of a schema in the format of a name's ending."""
    with ExitStack() as stack:
        if suffix == ".csv":
            csv = stack.enter_context(pyarrow.csv.CSVWriter(cast(IO[bytes], sink), schema))
            yield lambda table: csv.write_table(table)
        elif suffix == ".arrow":
            file = stack.enter_context(pa.ipc.new_file(sink, schema))
            yield lambda table: file.write_table(table)
        else:
            # Dictionaries would double the time; zstd finds what repeats.
            parquet = stack.enter_context(
                pq.ParquetWriter(sink, schema, compression="zstd", use_dictionary=False)
            )
            yield lambda table: parquet.write_table(table)
