"""The interface between the server and a model: rows in, scores out.

The server uses a model only through this interface. ONNX graphs run in the server process.
"""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from goldenpath.errors import GoldenPathError
from goldenpath.project.spec import Contract
from goldenpath.train.evaluation.onnx_session import open_session, refuse_form

Rows = NDArray[np.float32]
Doubles = NDArray[np.float64]
"""Rows as parsed, before they are rounded to the model's 32-bit floats."""
"""Shape `(n, features)`, NaN where a value is missing."""
Scores = NDArray[np.float32]
"""Shape `(n,)`, or `(n, 1 + reasons)` of a model that gives reasons; NaN for no answer."""


class Model(Protocol):
    """A model that scores rows; called from one thread at a time."""

    def predict(self, rows: Rows) -> Scores:
        """Return the score of each row. Raises `GoldenPathError` if the model fails."""


@runtime_checkable
class ModelApart(Protocol):
    """A model in its own process; the event loop never waits for it."""

    @property
    def is_available(self) -> bool:
        """Return whether a question would be answered now."""

    def ask(self, rows: Rows, answered: Callable[[Scores | GoldenPathError], None]) -> None:
        """Ask; `answered` gets the scores or the error, exactly once, in the event loop.

        `Unavailable` means that the process was lost: it says nothing about the rows.
        """

    def watch(self) -> None:
        """To be called about twice a second."""

    def close(self) -> None:
        """End the model."""


class OnnxModel:
    """An ONNX graph in ONNX Runtime, with one thread unless asked otherwise."""

    def __init__(self, content: bytes, contract: Contract, threads: int = 1) -> None:
        """Load the graph from memory. Raises `InvalidInput` if it does not fit the contract."""
        self._session = open_session(content, "the model", threads)
        refuse_form(self._session, contract, "the model")
        self._input = contract.input_tensor
        self._outputs = [contract.output_tensor]
        self._codes = 0
        if contract.reasons is not None:
            self._outputs.append(contract.reasons.tensor)
            self._codes = len(contract.reasons.codes)

    def predict(self, rows: Rows) -> Scores:
        """Return the score of each row: the last column of the output, if it has several."""
        try:
            result, *reasons = self._session.run(self._outputs, {self._input: rows})
        except Exception as error:
            raise GoldenPathError(f"the model failed: {error}") from error
        scores = np.asarray(result, dtype=np.float32)
        if scores.ndim == 2:
            scores = scores[:, -1]
        if scores.shape != (len(rows),):
            raise GoldenPathError(
                f"the model gave scores of shape {scores.shape}: expected {(len(rows),)}"
            )
        if reasons:
            return _with_reasons(scores, reasons[0], self._codes)
        return np.ascontiguousarray(scores)


def _with_reasons(scores: Scores, weights: object, codes: int) -> Scores:
    checked = np.asarray(weights, dtype=np.float32)
    if checked.shape != (len(scores), codes):
        raise GoldenPathError(
            f"the model gave weights of reasons of shape {checked.shape}: "
            f"expected {(len(scores), codes)}"
        )
    return np.column_stack([scores, checked])
