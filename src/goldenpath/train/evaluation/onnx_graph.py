"""Runs an ONNX graph on the rows of a contract, whatever its inputs and outputs look like.

People export one input for all features or one for each of them, of several types, with a batch of
fixed size, and probabilities as numbers or as a list of maps. Each form gets the same rows and
gives the same numbers. A form that cannot is refused when the graph is opened, with the way to
export it again. Build and model server both use this module.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from goldenpath.errors import GoldenPathError, InvalidInput
from goldenpath.project.number_text import number_text
from goldenpath.project.spec import Contract, Feature
from goldenpath.project.task.feature_names import feature_names
from goldenpath.project.task.feature_parts import (
    DeclaredFeature,
    declared_features,
)
from goldenpath.train.evaluation.column_casts import (
    FLOATS,
    NUMBERS,
    Column,
    Rows,
    column_cast,
    is_open_or,
    part_cast,
)
from goldenpath.train.evaluation.onnx_session import open_session
from goldenpath.train.evaluation.onnx_texts import (
    ROWS_AT_ONCE,
    TOKEN_INPUTS,
    TokenFeed,
    token_feed,
)

if TYPE_CHECKING:
    import onnxruntime

Numbers = NDArray[np.floating]

_COUNTS = frozenset({*FLOATS, "tensor(int64)", "tensor(int32)"})
_MAPS = "seq(map("


class OnnxGraph:
    """A graph with its inputs and outputs, ready to score rows."""

    def __init__(
        self,
        content: bytes,
        contract: Contract,
        name: str,
        threads: int = 1,
        *,
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        """Open the graph; `files` lie beside it, by name: its weights, its tokenizer.

        Raises `InvalidInput` if it does not fit the contract.
        """
        self._session = open_session(content, name, threads, files=files)
        self._contract, self._name = contract, name
        self._width = len(contract.classes) or 1
        self._codes = len(contract.reasons.codes) if contract.reasons is not None else 0
        self._feed, self._batch = _feed_of(self._session, contract, name, files or {})
        self._outputs = _outputs_of(self._session, contract, name)
        kinds = {tensor.name: str(tensor.type) for tensor in self._session.get_outputs()}
        self._has_maps = kinds[contract.output_tensor].startswith(_MAPS)

    def run(self, rows: Rows) -> Numbers:
        """Return the numbers of each row, then the weights of its reasons, if there are any.

        Shape `(n, 1)`, or `(n, classes)`. Raises `GoldenPathError` if the graph fails or gives
        another shape.
        """
        batch = self._batch
        if isinstance(self._feed, TokenRows):
            # Texts of about one length go together, so that little is filled up.
            order = np.argsort(self._feed.tokens.lengths(rows), kind="stable")
            if batch:
                return self._in_batches(rows[order], batch)[np.argsort(order)]
            cuts = range(0, len(rows), ROWS_AT_ONCE)
            parts = [self._call(rows[order[at : at + ROWS_AT_ONCE]]) for at in cuts]
            result: Numbers = np.concatenate(parts)[np.argsort(order)]
            return result
        return self._in_batches(rows, batch) if batch else self._call(rows)

    def _in_batches(self, rows: Rows, batch: int) -> Numbers:
        """Score rows by a graph that takes only `batch` rows at once."""
        missing = -len(rows) % batch
        filled = np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)]) if missing else rows
        parts = [self._call(filled[at : at + batch]) for at in range(0, len(filled), batch)]
        return np.concatenate(parts)[: len(rows)]

    def _call(self, rows: Rows) -> Numbers:
        try:
            result, *reasons = self._session.run(self._outputs, self._feed(rows))
        except Exception as error:  # the errors of ONNX Runtime have no common base class
            raise GoldenPathError(f"the model failed: {error}") from error
        numbers = self._numbers(result, len(rows))
        if not reasons:
            return numbers
        weights = np.asarray(reasons[0], np.float32)
        if weights.shape != (len(rows), self._codes):
            raise GoldenPathError(
                f"the model gave weights of reasons of shape {weights.shape}: "
                f"expected {(len(rows), self._codes)}"
            )
        return np.hstack([numbers, weights])

    def _numbers(self, result: object, count: int) -> Numbers:
        if self._has_maps and isinstance(result, list):
            result = np.array([self._of_map(each) for each in result])
        numbers: Numbers = np.asarray(result)
        if numbers.ndim == 1:
            numbers = numbers[:, None]
        if self._width == 1 and numbers.ndim == 2:
            numbers = numbers[:, -1:]  # the last column is the score
        if numbers.shape != (count, self._width):
            expected = (count, self._width) if self._width > 1 else (count,)
            raise GoldenPathError(
                f"the model gave scores of shape {numbers.shape}: expected {expected}"
            )
        return numbers

    def _of_map(self, probabilities: Mapping[object, float]) -> list[float]:
        """Return the probabilities of one row: of all classes, or of the last one."""
        if self._width == 1:
            return [probabilities[max(probabilities, key=str)]]
        named = {_class_text(key): number for key, number in probabilities.items()}
        if named.keys() != {*self._contract.classes}:
            raise GoldenPathError(
                f"the model knows the classes {', '.join(sorted(named))[:200]}: expected "
                f"{', '.join(self._contract.classes)[:200]}"
            )
        return [named[name] for name in self._contract.classes]


Feed = Callable[[Rows], Mapping[str, Column]]


@dataclass(frozen=True, slots=True)
class TokenRows:
    """Makes the inputs of a graph that takes the tokens of a text, and other features beside it."""

    tokens: TokenFeed
    others: Feed

    def __call__(self, rows: Rows) -> Mapping[str, Column]:
        """Return all inputs of rows."""
        return {**self.tokens.inputs(rows), **self.others(rows)}


def _feed_of(
    session: "onnxruntime.InferenceSession",
    contract: Contract,
    name: str,
    files: Mapping[str, bytes],
) -> tuple[Feed, int]:
    """Return what makes the inputs of rows, and the fixed size of a batch; 0 for any size."""
    inputs = {tensor.name: (str(tensor.type), tensor.shape) for tensor in session.get_inputs()}
    names = [feature.name for feature in contract.features]
    width, whole = len(names), contract.input_tensor
    sizes = {shape[0] for _, shape in inputs.values() if shape and isinstance(shape[0], int)}
    batch = sizes.pop() if len(sizes) == 1 else 0
    declared = {each.name: each for each in declared_features(contract)}
    if inputs.keys() & TOKEN_INPUTS:
        tokens = token_feed(inputs, [*declared.values()], files, name)
        declared = {key: each for key, each in declared.items() if each.part != "text"}
        inputs = {key: each for key, each in inputs.items() if key not in TOKEN_INPUTS}
        return TokenRows(tokens, _declared_feed(inputs, declared, contract, name)), batch
    if set(inputs) == {whole} and whole not in declared and (whole not in names or width > 1):
        kind, shape = inputs[whole]
        _refuse_matrix(kind, shape, contract, name)
        return _matrix_feed(whole, NUMBERS[kind]), batch
    tensors = {feature: tensor for tensor, feature in feature_names([*inputs]).items()}
    if set(tensors) == {*names}:
        casts = [
            column_cast(feature, *inputs[tensors[feature.name]], name=name)
            for feature in contract.features
        ]
        return _column_feed([tensors[each] for each in names], casts), batch
    if set(tensors) == {*declared}:
        return _declared_feed(inputs, declared, contract, name), batch
    raise _other_inputs(inputs, contract, name)


def _declared_feed(
    inputs: Mapping[str, tuple[str, Sequence[object]]],
    declared: Mapping[str, DeclaredFeature],
    contract: Contract,
    name: str,
) -> Feed:
    """Return what makes one input for each declared feature."""
    tensors = {feature: tensor for tensor, feature in feature_names([*inputs]).items()}
    if set(tensors) != {*declared}:
        raise _other_inputs(inputs, contract, name)
    casts = [
        part_cast(each, contract, inputs[tensors[each.name]], name) for each in declared.values()
    ]
    return _part_feed([tensors[each] for each in declared], casts)


def _other_inputs(inputs: Mapping[str, object], contract: Contract, name: str) -> InvalidInput:
    """Return why the inputs of a graph do not fit, with the cure."""
    width, whole = len(contract.features), contract.input_tensor
    cure = (
        f"export one input {whole!r} with {width} columns, in the order of the contract, or one "
        "input for each feature, by its name"
    )
    if len(inputs) == 1:
        cure = (
            "name the input in goldenpath.toml ([contract] input_tensor), or rename it in the "
            "export"
        )
    return InvalidInput(
        f"{name} has other inputs: expected only {whole!r}, or one for each feature, "
        f"got {_listed(inputs)}",
        hint=cure,
    )


def _refuse_matrix(kind: str, shape: Sequence[object], contract: Contract, name: str) -> None:
    width, whole = len(contract.features), contract.input_tensor
    if kind not in NUMBERS or len(shape) != 2 or not is_open_or(width, shape[1]):
        raise InvalidInput(
            f"{name} has other inputs: {whole!r} is a {kind} of shape {shape}, "
            f"expected tensor(float) of shape (n, {width})",
            hint=f"export it for 32-bit floats with {width} columns, in the order of the contract",
        )
    unfit = [each.name for each in contract.features if each.missing or not _is_whole(each)]
    if unfit and "int" in kind:
        raise InvalidInput(
            f"{name} takes whole numbers, and {unfit[0]!r} may be missing or have a fraction: "
            "expected tensor(float)",
            hint="declare whole = true for it, or export floats, where NaN is a missing value",
        )


def _is_whole(feature: Feature) -> bool:
    return feature.whole or (bool(feature.codes) and all(c == int(c) for c in feature.codes))


def _matrix_feed(name: str, kind: type[np.generic]) -> Feed:
    if kind is np.float32:
        return lambda rows: {name: rows}
    return lambda rows: {name: rows.astype(kind)}


def _column_feed(names: Sequence[str], casts: Sequence[Callable[[Rows], Column]]) -> Feed:
    def feed(rows: Rows) -> Mapping[str, Column]:
        columns = zip(names, casts, strict=True)
        return {name: cast(rows[:, place]) for place, (name, cast) in enumerate(columns)}

    return feed


def _part_feed(names: Sequence[str], casts: Sequence[Callable[[Rows], Column]]) -> Feed:
    return lambda rows: {name: cast(rows) for name, cast in zip(names, casts, strict=True)}


def _outputs_of(
    session: "onnxruntime.InferenceSession", contract: Contract, name: str
) -> list[str]:
    """Return the outputs to ask for. Raises `InvalidInput` if one is absent or of another type."""
    outputs = {tensor.name: str(tensor.type) for tensor in session.get_outputs()}
    scores = contract.output_tensor
    wanted = [scores]
    if contract.reasons is not None:
        wanted.append(contract.reasons.tensor)
    for output in wanted:
        if output not in outputs:
            raise InvalidInput(
                f"{name} has the outputs {_listed(outputs)}: expected {output!r}",
                hint="name the output in goldenpath.toml ([contract] output_tensor), or rename it "
                "in the export",
            )
        kind = outputs[output]
        is_map = output == scores and kind.startswith(_MAPS) and contract.task != "value"
        allowed = _COUNTS if output == scores and contract.task == "value" else FLOATS
        if not is_map and kind not in allowed:
            raise InvalidInput(
                f"{name} has an output {output!r} of type {kind}: expected a tensor of floats",
                hint="export scores as floats; labels can be another output",
            )
    return wanted


def _class_text(key: object) -> str:
    return number_text(key) if isinstance(key, float) else str(key)


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(repr(name) for name in sorted(names))
