"""The scores of the packaged model, computed as a server does: ONNX Runtime, one thread."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from goldenpath.errors import InvalidInput
from goldenpath.project.spec import Contract

_ROWS = 8192
"""Rows that are scored at once."""
FATAL_ONLY = 4

Scorer = Callable[[Mapping[str, NDArray[np.generic]]], NDArray[np.float64]]
"""One score in [0, 1] per row of a table that has a column per feature of the contract."""


def onnx_scorer(path: Path, contract: Contract) -> Scorer:
    """The graph at `path`, loaded once. Raises `InvalidInput` as `model_scores` does."""
    return partial(run_model, open_model(path, contract), contract)


def rows_of(contract: Contract, table: Mapping[str, NDArray[np.generic]]) -> NDArray[np.float32]:
    """The rows of a table as a model takes them: 32-bit floats in the order of the contract."""
    columns = [np.asarray(table[feature.name], np.float32) for feature in contract.features]
    return np.ascontiguousarray(np.column_stack(columns))


def checked(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """The scores themselves. Raises `InvalidInput` if one is not in [0, 1]."""
    if not ((scores >= 0) & (scores <= 1)).all():
        raise InvalidInput("the model gives scores that are not in [0, 1], or not one per row")
    return scores


def model_scores(
    path: Path, contract: Contract, table: Mapping[str, NDArray[np.generic]]
) -> NDArray[np.float64]:
    """One score per row of `table`, which has a column per feature of the contract.

    Raises `InvalidInput` if the model does not load, does not fit the contract, or gives a score
    that is not in [0, 1].
    """
    return run_model(open_model(path, contract), contract, table)


def run_model(
    session: onnxruntime.InferenceSession,
    contract: Contract,
    table: Mapping[str, NDArray[np.generic]],
) -> NDArray[np.float64]:
    """One score per row of `table`. Raises `InvalidInput` as `model_scores` does."""
    rows = rows_of(contract, table)
    parts = [
        _last_column(session.run([contract.output_tensor], {contract.input_tensor: part})[0])
        for part in (rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS))
    ]
    scores = np.concatenate(parts).astype(np.float64)
    if len(scores) != len(rows):
        raise InvalidInput(f"the model gives {len(scores)} scores for {len(rows)} rows")
    return checked(scores)


def open_model(path: Path, contract: Contract) -> onnxruntime.InferenceSession:
    """The model, loaded as a server does. Raises `InvalidInput` if it does not fit."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = FATAL_ONLY
    try:
        session = onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime has no common root of its errors
        raise InvalidInput(f"{path.name} is not a model that can be served: {error}") from error
    inputs = {each.name: (each.type, each.shape[1:]) for each in session.get_inputs()}
    expected = {contract.input_tensor: ("tensor(float)", [len(contract.features)])}
    if inputs != expected:
        raise InvalidInput(f"{path.name} has other inputs: expected {expected}, got {inputs}")
    outputs = [each.name for each in session.get_outputs()]
    if contract.output_tensor not in outputs:
        raise InvalidInput(
            f"{path.name} has no output {contract.output_tensor!r}: got {', '.join(outputs)}"
        )
    return session


def _last_column(values: NDArray[np.generic]) -> NDArray[np.generic]:
    return values if values.ndim == 1 else values[:, -1]
