"""Scores rows with the packaged model as a model server does: ONNX Runtime, one thread."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from goldenpath.errors import GoldenPathError, InvalidInput
from goldenpath.project.number_text import number_text
from goldenpath.project.spec import EVALUATION, REFERENCE, Contract, Feature
from goldenpath.project.task.answer_rules import AnswerRules
from goldenpath.train.evaluation.onnx_graph import OnnxGraph

_ROWS = 8192
"""Rows scored in one call."""

Numbers = NDArray[np.float64]
"""What a model gives, shape `(n, 1)`, or `(n, classes)` for classes."""
Table = Mapping[str, NDArray[np.generic]]
"""A column for each feature, as numbers; see `column_of`."""
Scorer = Callable[[Table], Numbers]
"""Returns the answer of the packaged model for each row of a table."""


def onnx_scorer(path: Path, contract: Contract) -> Scorer:
    """Load the graph at `path` and return its scorer. Raises as `run_model` does."""
    return partial(run_model, open_model(path, contract), contract)


def open_model(path: Path, contract: Contract) -> OnnxGraph:
    """Load a model as a server does. Raises `InvalidInput` if it does not fit the contract."""
    return OnnxGraph(path.read_bytes(), contract, path.name, files=files_beside(path))


def files_beside(path: Path) -> Mapping[str, bytes]:
    """Return the other files of a model by name: its weights, its tokenizer; not the tables."""
    tables = (REFERENCE, EVALUATION)
    return {
        each.relative_to(path.parent).as_posix(): each.read_bytes()
        for each in sorted(path.parent.rglob("*"))
        if each.is_file() and not each.is_symlink() and each != path and each.name not in tables
    }


class RowMatrix(Mapping[str, NDArray[np.generic]]):
    """A table as the input of a model, of which one column at a time is another one for a while.

    Whoever tries a change of each column would else make the whole matrix for each of them.
    """

    def __init__(self, contract: Contract, table: Table) -> None:
        self.matrix = rows_of(contract, table)
        """32-bit floats, columns in the order of the contract."""
        self._places = {feature.name: at for at, feature in enumerate(contract.features)}

    def __getitem__(self, name: str) -> NDArray[np.generic]:
        return self.matrix[:, self._places[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    @contextmanager
    def replaced(self, name: str, values: NDArray[np.generic]) -> Iterator["RowMatrix"]:
        """Give a column other values, and put it back at the end."""
        column = self.matrix[:, self._places[name]]
        before = column.copy()
        column[:] = np.asarray(values, np.float32)
        try:
            yield self
        finally:
            column[:] = before


def rows_of(contract: Contract, table: Table) -> NDArray[np.float32]:
    """Return the input of a model: 32-bit floats, columns in the order of the contract."""
    if isinstance(table, RowMatrix):
        return table.matrix
    columns = [np.asarray(table[feature.name], np.float32) for feature in contract.features]
    return np.ascontiguousarray(np.column_stack(columns))


def column_of(feature: Feature, values: NDArray[np.generic]) -> NDArray[np.floating]:
    """Return one column as a training wrote it as numbers, NaN where a value is missing.

    A text becomes the position of its category. Raises `InvalidInput` naming the first value that
    is none.
    """
    if not feature.texts:
        try:
            return np.asarray(values, np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidInput(
                f"column {feature.name!r} has a value that is not a number: {error}"
            ) from error
    known = {text: float(place) for place, text in enumerate(feature.texts)}
    codes = np.full(len(values), np.nan)
    for row, value in enumerate(values.tolist()):
        if value is None or value != value:
            continue
        text = value if isinstance(value, str) else number_text(value)
        if text not in known:
            shown = ", ".join(feature.texts[:20])
            raise InvalidInput(
                f"column {feature.name!r} has the value {text[:60]!r} in row {row}: expected one "
                f"of {shown}"
            )
        codes[row] = known[text]
    return codes


def checked(numbers: Numbers, contract: Contract) -> Numbers:
    """Return the answers. Raises `InvalidInput` if one is none that the task allows."""
    is_answer = AnswerRules(contract).is_answer(numbers)
    if not is_answer.all():
        row = int(np.flatnonzero(~is_answer)[0])
        shown = ", ".join(f"{number:.6g}" for number in numbers[row].tolist()[:5])
        raise InvalidInput(
            f"the model returned {shown} for row {row}: expected {_allowed(contract)}"
        )
    return numbers


def _allowed(contract: Contract) -> str:
    if contract.value is not None:
        low, high = contract.value.minimum, contract.value.maximum
        return f"a value from {number_text(low)} to {number_text(high)} {contract.value.unit}"
    if contract.task == "classes":
        return f"{len(contract.classes)} probabilities whose sum is 1"
    return "scores in [0, 1]"


def model_scores(path: Path, contract: Contract, table: Table) -> Numbers:
    """Return the answer for each row of `table`, which has a column for each feature.

    Raises `InvalidInput` if the model does not load, does not fit the contract, or gives an answer
    that the task does not allow.
    """
    return run_model(open_model(path, contract), contract, table)


def run_model(graph: OnnxGraph, contract: Contract, table: Table) -> Numbers:
    """Return the answer for each row of `table`. Raises as `model_scores` does."""
    width = len(contract.classes) or 1
    try:
        parts = [graph.run(rows) for rows in _pieces(contract, table)]
    except InvalidInput:
        raise
    except GoldenPathError as error:
        raise InvalidInput(error.message) from error
    return checked(np.concatenate(parts)[:, :width].astype(np.float64), contract)


def _pieces(contract: Contract, table: Table) -> Iterator[NDArray[np.float32]]:
    """Yield the input of a model in pieces; each is made when it is needed."""
    count = len(table[contract.features[0].name])
    for start in range(0, count, _ROWS):
        if isinstance(table, RowMatrix):
            yield table.matrix[start : start + _ROWS]
        else:
            names = [feature.name for feature in contract.features]
            yield rows_of(contract, {name: table[name][start : start + _ROWS] for name in names})
