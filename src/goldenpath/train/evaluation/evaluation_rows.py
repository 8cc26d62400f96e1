"""The evaluation rows that a release contains: key, outcome, score and slices, but no features.

They allow comparing a challenger with the champion on the same rows. Keys are hashed: this is
enough to pair rows, and keeps client numbers out of registries. Whoever knows a key can find its
row, so a hash is a pseudonym (Art. 4(5) GDPR) and does not make the rows anonymous.
"""

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goldenpath.errors import InvalidInput

Floats = NDArray[np.float64]

MAX_BYTES = 256 * 1024 * 1024
"""Largest size of a file of rows that is read, in bytes."""
_KEY_BYTES = 16


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Scored rows, in the order of their hashed keys."""

    keys: NDArray[np.bytes_]
    target: Floats
    score: Floats

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.target)


def render_rows(
    keys: Sequence[object], target: Floats, score: Floats, slices: Mapping[str, Sequence[str]]
) -> bytes:
    """Return a Parquet file of these rows. The same rows in any order give the same bytes.

    Raises `InvalidInput` if a key is repeated.
    """
    hashed = [hashlib.blake2b(str(key).encode(), digest_size=_KEY_BYTES).digest() for key in keys]
    order = sorted(range(len(hashed)), key=hashed.__getitem__)
    if len(set(hashed)) != len(hashed):
        raise InvalidInput("the evaluation rows repeat a key: expected one row for each key")
    import pyarrow as pa
    import pyarrow.parquet

    columns: dict[str, pa.Array[pa.Scalar[pa.DataType]]] = {
        "key": pa.array([hashed[index] for index in order], pa.binary(_KEY_BYTES)),
        "target": pa.array(target[order], pa.int8()),
        "score": pa.array(score[order], pa.float64()),
    }
    for name, labels in slices.items():
        columns[f"slice:{name}"] = pa.array([labels[index] for index in order], pa.string())
    file = io.BytesIO()
    pyarrow.parquet.write_table(pa.table(columns), file, compression="zstd")
    return file.getvalue()


def parse_rows(content: bytes) -> Rows:
    """Return the rows of such a file. Raises `InvalidInput` if it has another form."""
    if len(content) > MAX_BYTES:
        raise InvalidInput(f"the evaluation rows are larger than {MAX_BYTES} bytes")
    import pyarrow as pa
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(
            pa.BufferReader(content), columns=["key", "target", "score"]
        )
        keys = np.array(table["key"].to_pylist(), dtype=f"S{_KEY_BYTES}")
        target = np.asarray(table["target"].to_numpy(), np.float64)
        score = np.asarray(table["score"].to_numpy(), np.float64)
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"the evaluation rows cannot be read: {error}") from error
    if not (np.isin(target, (0.0, 1.0)).all() and ((score >= 0) & (score <= 1)).all()):
        raise InvalidInput("the evaluation rows hold a target or a score that is out of range")
    return Rows(keys, target, score)
