"""The seam between the frame and the content: rows in, scores out.

The server knows nothing of a model but this. ONNX graphs run in the frame; a linear model is one
dot product and needs no runtime at all.
"""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from goldenpath.errors import GoldenPathError, InvalidInput
from goldenpath.project.spec import Contract

Rows = NDArray[np.float32]
Doubles = NDArray[np.float64]
"""Rows as they were parsed, before they are rounded to what a model sees."""
"""Shape `(n, features)`, NaN where a value is missing."""
Scores = NDArray[np.float32]
"""Shape `(n,)`, or `(n, 1 + reasons)` of a model that gives reasons; NaN for no answer."""


class Model(Protocol):
    """Something that scores rows; called from one thread at a time."""

    def predict(self, rows: Rows) -> Scores:
        """The score of each row. Raises `GoldenPathError` if the model fails."""


@runtime_checkable
class ModelApart(Protocol):
    """Something that scores rows in a process of its own; the event loop never waits for it."""

    @property
    def is_available(self) -> bool:
        """Whether a question would be answered now."""

    def ask(self, rows: Rows, answered: Callable[[Scores | GoldenPathError], None]) -> None:
        """Asks; `answered` hears the scores or what went wrong, exactly once, in the event loop.

        `Unavailable` says that nothing is known about the rows: the process was lost over them.
        """

    def watch(self) -> None:
        """To be called about twice a second."""

    def close(self) -> None:
        """Ends it."""


class OnnxModel:
    """An ONNX graph in ONNX Runtime with one thread: parallelism comes from processes."""

    def __init__(self, content: bytes, contract: Contract) -> None:
        """Loads the graph from memory. Raises `InvalidInput` if it is not what is promised."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime raises classes of its own without a common root
            raise InvalidInput(f"the model is not an ONNX graph that runs here: {error}") from error
        self._input = contract.input_tensor
        self._outputs = [contract.output_tensor]
        self._codes = 0
        if contract.reasons is not None:
            self._outputs.append(contract.reasons.tensor)
            self._codes = len(contract.reasons.codes)
        self._agree(contract)

    def predict(self, rows: Rows) -> Scores:
        """The score of each row: the last column of the output, if it has several."""
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

    def _agree(self, contract: Contract) -> None:
        inputs = {node.name: node for node in self._session.get_inputs()}
        outputs = {node.name for node in self._session.get_outputs()}
        if set(inputs) != {self._input}:
            raise InvalidInput(
                f"the graph has the inputs {sorted(inputs)}: expected only {self._input!r}"
            )
        for name in self._outputs:
            if name not in outputs:
                raise InvalidInput(
                    f"the graph has the outputs {sorted(outputs)}: expected {name!r}"
                )
        node, width = inputs[self._input], len(contract.features)
        if node.type != "tensor(float)" or len(node.shape) != 2 or node.shape[1] != width:
            raise InvalidInput(
                f"the graph takes {node.type} of shape {node.shape}: "
                f"expected tensor(float) of shape (n, {width})"
            )


def _with_reasons(scores: Scores, weights: object, codes: int) -> Scores:
    found = np.asarray(weights, dtype=np.float32)
    if found.shape != (len(scores), codes):
        raise GoldenPathError(
            f"the model gave weights of reasons of shape {found.shape}: "
            f"expected {(len(scores), codes)}"
        )
    return np.column_stack([scores, found])
