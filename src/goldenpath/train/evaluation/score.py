"""Scores rows with the packaged model as a model server does: ONNX Runtime, one thread."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from goldenpath.errors import InvalidInput
from goldenpath.project.spec import Contract
from goldenpath.train.evaluation.onnx_session import open_session, refuse_form

if TYPE_CHECKING:
    import onnxruntime

_ROWS = 8192
"""Rows scored in one call."""

Scorer = Callable[[Mapping[str, NDArray[np.generic]]], NDArray[np.float64]]
"""Takes a table with a column for each feature. Returns one score in [0, 1] for each row."""


def onnx_scorer(path: Path, contract: Contract) -> Scorer:
    """Load the graph at `path` and return its scorer. Raises as `model_scores` does."""
    return partial(run_model, open_model(path, contract), contract)


def rows_of(contract: Contract, table: Mapping[str, NDArray[np.generic]]) -> NDArray[np.float32]:
    """Return the input of a model: 32-bit floats, columns in the order of the contract."""
    columns = [np.asarray(table[feature.name], np.float32) for feature in contract.features]
    return np.ascontiguousarray(np.column_stack(columns))


def checked(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the scores. Raises `InvalidInput` if one is not in [0, 1]."""
    if not ((scores >= 0) & (scores <= 1)).all():
        raise InvalidInput("the model returned scores that are not in [0, 1]")
    return scores


def model_scores(
    path: Path, contract: Contract, table: Mapping[str, NDArray[np.generic]]
) -> NDArray[np.float64]:
    """Return the score of each row of `table`, which has a column for each feature.

    Raises `InvalidInput` if the model does not load, does not fit the contract, or returns a score
    that is not in [0, 1].
    """
    return run_model(open_model(path, contract), contract, table)


def run_model(
    session: "onnxruntime.InferenceSession",
    contract: Contract,
    table: Mapping[str, NDArray[np.generic]],
) -> NDArray[np.float64]:
    """Return the score of each row of `table`. Raises as `model_scores` does."""
    rows = rows_of(contract, table)
    parts = [
        _last_column(session.run([contract.output_tensor], {contract.input_tensor: part})[0])
        for part in (rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS))
    ]
    scores = np.concatenate(parts).astype(np.float64)
    if len(scores) != len(rows):
        raise InvalidInput(f"the model returned {len(scores)} scores for {len(rows)} rows")
    return checked(scores)


def open_model(path: Path, contract: Contract) -> "onnxruntime.InferenceSession":
    """Load a model as a server does. Raises `InvalidInput` if it does not fit the contract."""
    session = open_session(path.read_bytes(), path.name)
    refuse_form(session, contract, path.name)
    return session


def _last_column(values: NDArray[np.generic]) -> NDArray[np.generic]:
    return values if values.ndim == 1 else values[:, -1]
