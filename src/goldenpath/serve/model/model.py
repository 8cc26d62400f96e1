"""The interface between the server and a model: rows in, scores out.

The server uses a model only through this interface. ONNX graphs run in the server process.
"""

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from goldenpath.errors import GoldenPathError
from goldenpath.project.spec import Contract
from goldenpath.train.evaluation.onnx_graph import OnnxGraph

Rows = NDArray[np.float32]
Doubles = NDArray[np.float64]
"""Rows as parsed, before they are rounded to the model's 32-bit floats."""
"""Shape `(n, features)`, NaN where a value is missing."""
Scores = NDArray[np.float32]
"""Shape `(n,)`, or `(n, numbers + reasons)` of a model of classes or with reasons; NaN for no
answer."""


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

    def __init__(
        self,
        content: bytes,
        contract: Contract,
        threads: int = 1,
        *,
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        """Load the graph from memory, with the `files` beside it by name.

        Raises `InvalidInput` if it does not fit the contract.
        """
        self._graph = OnnxGraph(content, contract, "the model", threads, files=files)

    def predict(self, rows: Rows) -> Scores:
        """Return the numbers of each row, and the weights of its reasons if there are any."""
        numbers = np.asarray(self._graph.run(rows), dtype=np.float32)
        if numbers.shape[1] == 1:
            return np.ascontiguousarray(numbers[:, 0])
        return np.ascontiguousarray(numbers)
