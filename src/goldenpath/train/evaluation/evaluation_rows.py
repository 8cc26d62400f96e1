"""The evaluation rows that a release contains: key, outcome, score and slices, but no features.

They allow comparing a challenger with the champion on the same rows. Keys are hashed: this is
enough to pair rows, and keeps client numbers out of registries. Whoever knows a key can find its
row, so a hash is a pseudonym (Art. 4(5) GDPR) and does not make the rows anonymous.
"""

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from goldenpath.errors import InvalidInput
from goldenpath.project.spec import Contract
from goldenpath.project.task.answer_rules import AnswerRules

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]

MAX_BYTES = 256 * 1024 * 1024
"""Largest size of a file of rows that is read, in bytes."""
_KEY_BYTES, _LARGEST_CODE = 16, 127


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Scored rows, in the order of their hashed keys."""

    keys: NDArray[np.bytes_]
    target: Floats
    """0 or 1, the position of the class, or the value."""
    score: Floats
    """What the model gave, shape `(n, 1)`, or `(n, classes)`."""

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.target)


def render_rows(
    keys: Sequence[object], target: Floats, score: Floats, slices: Mapping[str, Sequence[str]]
) -> bytes:
    """Return a Parquet file of these rows. The same rows in any order give the same bytes.

    A target that is no small whole number is stored as a float, and several scores as a list.
    Raises `InvalidInput` if a key is repeated.
    """
    hashed = b"".join(
        hashlib.blake2b(str(key).encode(), digest_size=_KEY_BYTES).digest() for key in keys
    )
    # As two big-endian numbers, which have the order of the bytes.
    halves = np.frombuffer(bytearray(hashed), ">u8").reshape(-1, 2)
    order = np.lexsort((halves[:, 1], halves[:, 0]))
    ordered = halves[order]
    if (ordered[1:] == ordered[:-1]).all(axis=1).any():
        raise InvalidInput("the evaluation rows repeat a key: expected one row for each key")
    import pyarrow as pa
    import pyarrow.parquet

    columns: dict[str, pa.Array[pa.Scalar[pa.DataType]]] = {
        "key": pa.Array.from_buffers(
            pa.binary(_KEY_BYTES), len(order), [None, pa.py_buffer(ordered.tobytes())]
        ),
        "target": _targets(target[order]),
        "score": _scores(score[order]),
    }
    for name, labels in slices.items():
        columns[f"slice:{name}"] = pa.array(
            [labels[index] for index in order.tolist()], pa.string()
        )
    file = io.BytesIO()
    pyarrow.parquet.write_table(pa.table(columns), file, compression="zstd")
    return file.getvalue()


def parse_rows(content: bytes) -> Rows:
    """Return the rows of such a file. Raises `InvalidInput` if it has another form."""
    if len(content) > MAX_BYTES:
        raise InvalidInput(f"the evaluation rows are larger than {MAX_BYTES} bytes")
    import pyarrow as pa

    from goldenpath.parsers.parquet_bytes import table_in

    try:
        table = table_in(content, ["key", "target", "score"])
        keys = np.array(table["key"].to_pylist(), dtype=f"S{_KEY_BYTES}")
        target = np.asarray(table["target"].to_numpy(), np.float64)
        if pa.types.is_list(table["score"].type):
            score = np.array(table["score"].to_pylist(), np.float64)
        else:
            score = np.asarray(table["score"].to_numpy(), np.float64)[:, None]
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"the evaluation rows cannot be read: {error}") from error
    if score.ndim != 2 or not (np.isfinite(target).all() and np.isfinite(score).all()):
        raise InvalidInput("the evaluation rows hold a target or a score that is no number")
    return Rows(keys, target, score)


def refuse_other_task(rows: Rows, contract: Contract) -> None:
    """Raise `InvalidInput` unless targets and scores are possible under the contract."""
    rules, target = AnswerRules(contract), rows.target
    is_target = {
        "probability": np.isin(target, (0.0, 1.0)),
        "classes": np.isin(target, np.arange(len(contract.classes))),
        "value": np.isfinite(target),
    }[contract.task]
    if rows.score.shape[1] != rules.width or not is_target.all():
        raise InvalidInput("the evaluation rows hold a target or a score that is out of range")
    if not rules.is_answer(rows.score).all():
        raise InvalidInput("the evaluation rows hold a target or a score that is out of range")


def _targets(target: Floats) -> "pa.Array[pa.Scalar[pa.DataType]]":
    import pyarrow as pa

    is_small = (np.rint(target) == target) & (np.abs(target) <= _LARGEST_CODE)
    return pa.array(target, pa.int8() if is_small.all() else pa.float64())


def _scores(score: Floats) -> "pa.Array[pa.Scalar[pa.DataType]]":
    import pyarrow as pa

    if score.ndim == 1 or score.shape[1] == 1:
        return pa.array(score.ravel(), pa.float64())
    return pa.array(score.tolist(), pa.list_(pa.float64()))
