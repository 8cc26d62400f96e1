"""Reads Parquet that is in memory.

No thread of Arrow takes part. Such a thread may let go of Python's bytes only when the process is
about to end, and Python then aborts the process: `goldenpath score` did after its work was done.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq


def parquet_in(content: bytes) -> pq.ParquetFile:
    """Return the file, of which only the footer is read so far. Raises `pyarrow.ArrowException`."""
    return pq.ParquetFile(pa.BufferReader(content), pre_buffer=False)


def table_in(content: bytes, columns: Sequence[str] | None = None) -> pa.Table:
    """Return these columns of the table, or all. Raises `pyarrow.ArrowException`."""
    chosen = None if columns is None else list(columns)
    return parquet_in(content).read(columns=chosen, use_threads=False)
