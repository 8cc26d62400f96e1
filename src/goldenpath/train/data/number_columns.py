"""Reads the columns of numbers of a Parquet file, one after the other in each group of rows.

So beside the numbers themselves one column of one group is held, and not the file.
"""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from goldenpath.errors import InvalidInput


def read_numbers(path: Path, names: Collection[str]) -> dict[str, NDArray[np.float64]]:
    """Return those of the columns that hold whole numbers or floats; NaN is a missing value.

    Raises `InvalidInput` if it is missing or not a Parquet file.
    """
    try:
        with pyarrow.parquet.ParquetFile(path, pre_buffer=False) as file:
            schema = file.schema_arrow
            chosen = [each for each in names if _is_number(schema, each)]
            columns = {name: np.empty(file.metadata.num_rows) for name in chosen}
            begin = 0
            for group in range(file.num_row_groups):
                end = begin + file.metadata.row_group(group).num_rows
                for name, column in columns.items():
                    piece = file.read_row_group(group, columns=[name], use_threads=False)
                    column[begin:end] = piece[name].to_numpy()
                begin = end
    except (OSError, pa.ArrowException) as error:
        raise InvalidInput(f"{path} is not a Parquet file: {error}") from error
    return columns


def _is_number(schema: pa.Schema, name: str) -> bool:
    # Of several columns of one name none is meant; the reader of whole tables refuses them.
    if schema.names.count(name) != 1:
        return False
    kind = schema.field(name).type
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)
