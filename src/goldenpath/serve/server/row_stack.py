"""Stacks the rows of the requests of one batch, as they came and as 32-bit floats."""

import struct
from collections.abc import Sequence

import numpy as np

from goldenpath.serve.model.model import Doubles, Rows, Scores
from goldenpath.serve.server.answers import PendingRequest


def joined(parts: Sequence[Scores]) -> Scores:
    """Stack the parts of a batch; failed ones have no columns for reasons."""
    width = max(part.shape[1] if part.ndim == 2 else 1 for part in parts)
    if width == 1:
        return np.concatenate(parts)
    whole = (part if part.ndim == 2 else np.full((len(part), width), np.nan) for part in parts)
    return np.concatenate([*whole]).astype(np.float32)


def first_row(pending: PendingRequest) -> list[float]:
    """Return the values of the first row of a request."""
    values = pending.question.values if pending.question else []
    return values if isinstance(values, list) else values[0].tolist()


def stacked(
    batch: Sequence[PendingRequest], width: int
) -> tuple[list[float] | Rows | Doubles, Rows]:
    """Stack all rows of a batch: the values as they came, and as 32-bit floats."""
    flat: list[float] = []
    arrays: list[Rows | Doubles] = []
    for pending in batch:
        values = pending.question.values if pending.question else []
        if isinstance(values, list):
            flat += values
            continue
        if flat:
            arrays.append(np.array(flat).reshape(-1, width))
            flat = []
        arrays.append(values)
    if not arrays:
        return flat, _rows(flat, width)
    if flat:
        arrays.append(np.array(flat).reshape(-1, width))
    if all(each.dtype == np.float32 for each in arrays):
        rows = np.concatenate(arrays, dtype=np.float32, casting="same_kind")
        return rows, rows
    given = np.concatenate(arrays, dtype=np.float64)
    # A value too large for 32 bits becomes infinite, and the input rules refuse it.
    with np.errstate(over="ignore"):
        return given, given.astype(np.float32, copy=False)


def _rows(flat: list[float], width: int) -> Rows:
    # Four times as quick as numpy's own way from a list to 32-bit floats.
    try:
        packed = struct.pack(f"<{len(flat)}f", *flat)
    except OverflowError:
        with np.errstate(over="ignore"):
            return np.array(flat, dtype=np.float32).reshape(-1, width)
    return np.frombuffer(packed, dtype=np.float32).reshape(-1, width)
