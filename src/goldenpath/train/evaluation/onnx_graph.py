"""Runs an ONNX graph on the rows of a contract, whatever its inputs and outputs look like.

People export one input for all features or one for each of them, of several types, with a batch of
fixed size, and probabilities as numbers or as a list of maps. Each form gets the same rows and
gives the same numbers. A form that cannot is refused when the graph is opened, with the way to
export it again. Build and model server both use this module.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from goldenpath.errors import GoldenPathError, InvalidInput
from goldenpath.project.number_text import number_text
from goldenpath.project.spec import Contract, Feature
from goldenpath.project.task.feature_names import feature_names
from goldenpath.project.task.feature_parts import (
    EPOCH,
    SECONDS,
    DeclaredFeature,
    declared_features,
)
from goldenpath.train.evaluation.onnx_session import open_session

if TYPE_CHECKING:
    import onnxruntime

Rows = NDArray[np.float32]
Numbers = NDArray[np.floating]
Column = NDArray[np.generic]

_NUMBERS: Mapping[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}
_TEXT = "tensor(string)"
_FLOATS = frozenset({"tensor(float)", "tensor(double)", "tensor(float16)"})
_COUNTS = frozenset({*_FLOATS, "tensor(int64)", "tensor(int32)"})
_MAPS = "seq(map("


class OnnxGraph:
    """A graph with its inputs and outputs, ready to score rows."""

    def __init__(self, content: bytes, contract: Contract, name: str, threads: int = 1) -> None:
        """Open the graph. Raises `InvalidInput` if it does not fit the contract."""
        self._session = open_session(content, name, threads)
        self._contract, self._name = contract, name
        self._width = len(contract.classes) or 1
        self._codes = len(contract.reasons.codes) if contract.reasons is not None else 0
        self._feed, self._batch = _feed_of(self._session, contract, name)
        self._outputs = _outputs_of(self._session, contract, name)
        kinds = {tensor.name: str(tensor.type) for tensor in self._session.get_outputs()}
        self._has_maps = kinds[contract.output_tensor].startswith(_MAPS)

    def run(self, rows: Rows) -> Numbers:
        """Return the numbers of each row, then the weights of its reasons, if there are any.

        Shape `(n, 1)`, or `(n, classes)`. Raises `GoldenPathError` if the graph fails or gives
        another shape.
        """
        batch = self._batch
        if not batch:
            return self._call(rows)
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


def _feed_of(
    session: "onnxruntime.InferenceSession", contract: Contract, name: str
) -> tuple[Feed, int]:
    """Return what makes the inputs of rows, and the fixed size of a batch; 0 for any size."""
    inputs = {tensor.name: (str(tensor.type), tensor.shape) for tensor in session.get_inputs()}
    names = [feature.name for feature in contract.features]
    width, whole = len(names), contract.input_tensor
    sizes = {shape[0] for _, shape in inputs.values() if shape and isinstance(shape[0], int)}
    batch = sizes.pop() if len(sizes) == 1 else 0
    if set(inputs) == {whole} and (whole not in names or width > 1):
        kind, shape = inputs[whole]
        _refuse_matrix(kind, shape, contract, name)
        return _matrix_feed(whole, _NUMBERS[kind]), batch
    tensors = {feature: tensor for tensor, feature in feature_names([*inputs]).items()}
    if set(tensors) == {*names}:
        casts = [
            _cast_of(feature, *inputs[tensors[feature.name]], name=name)
            for feature in contract.features
        ]
        return _column_feed([tensors[each] for each in names], casts), batch
    declared = {each.name: each for each in declared_features(contract)}
    if set(tensors) == {*declared}:
        casts = [
            _part_cast(each, contract, inputs[tensors[each.name]], name)
            for each in declared.values()
        ]
        return _part_feed([tensors[each] for each in declared], casts), batch
    cure = (
        f"export one input {whole!r} with {width} columns, in the order of the contract, or one "
        "input for each feature, by its name"
    )
    if len(inputs) == 1:
        cure = (
            "name the input in goldenpath.toml ([contract] input_tensor), or rename it in the "
            "export"
        )
    raise InvalidInput(
        f"{name} has other inputs: expected only {whole!r}, or one for each feature, "
        f"got {_listed(inputs)}",
        hint=cure,
    )


def _refuse_matrix(kind: str, shape: Sequence[object], contract: Contract, name: str) -> None:
    width, whole = len(contract.features), contract.input_tensor
    if kind not in _NUMBERS or len(shape) != 2 or not _is_open_or(width, shape[1]):
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


def _is_open_or(width: int, size: object) -> bool:
    """Return whether a dimension of a graph is of this width, or left open."""
    return size == width or not isinstance(size, int)


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


def _part_cast(
    declared: DeclaredFeature, contract: Contract, given: tuple[str, Sequence[object]], name: str
) -> Callable[[Rows], Column]:
    """Return what makes one input out of rows: of a feature, a vector or a timestamp."""
    (kind, shape), start, width = given, declared.start, declared.width
    if not declared.part:
        cast = _cast_of(contract.features[start], kind, shape, name=name)
        return lambda rows: cast(rows[:, start])
    if declared.part == "element":
        if kind not in _FLOATS or len(shape) != 2 or not _is_open_or(width, shape[1]):
            raise InvalidInput(
                f"{name} has an input {declared.name!r} of type {kind} and shape {shape}: expected "
                f"floats of shape (n, {width})",
                hint="export the vector as one input of floats",
            )
        return lambda rows: rows[:, start : start + width].astype(_NUMBERS[kind])
    if kind not in ("tensor(int64)", "tensor(double)") or len(shape) not in (1, 2):
        raise InvalidInput(
            f"{name} takes the time {declared.name!r} as {kind} of shape {shape}: expected seconds "
            "since 1970 as tensor(int64) or tensor(double) of shape (n, 1) or (n,)",
            hint=f"export it so, or take {declared.name}_days and {declared.name}_seconds",
        )
    form = (-1, 1) if len(shape) == 2 else (-1,)
    days = (EPOCH - EPOCH.replace(year=1970)).days
    if kind == "tensor(int64)" and contract.features[start].missing:
        raise InvalidInput(
            f"{name} takes the time {declared.name!r} as {kind}, and it may be missing",
            hint="export it as tensor(double), where NaN is a missing value",
        )

    def seconds(rows: Rows) -> Column:
        whole = (rows[:, start].astype(np.float64) + days) * SECONDS + rows[:, start + 1]
        return whole.astype(_NUMBERS[kind]).reshape(form)

    return seconds


def _cast_of(
    feature: Feature, kind: str, shape: Sequence[object], *, name: str
) -> Callable[[Rows], Column]:
    """Return what makes one input out of a column of rows."""
    if len(shape) not in (1, 2) or not _is_open_or(1, shape[-1] if len(shape) == 2 else 1):
        raise InvalidInput(
            f"{name} has an input {feature.name!r} of shape {shape}: expected (n, 1) or (n,)",
            hint="export each feature as one column",
        )
    form = (-1, 1) if len(shape) == 2 else (-1,)
    if kind == _TEXT:
        return _text_cast(feature, form, name)
    if kind not in _NUMBERS:
        raise InvalidInput(
            f"{name} has an input {feature.name!r} of type {kind}: expected numbers or texts",
            hint="export it as tensor(float), tensor(double), tensor(int64) or tensor(string)",
        )
    if "int" in kind and feature.missing:
        raise InvalidInput(
            f"{name} takes {feature.name!r} as {kind}, and it may be missing: expected floats",
            hint="export it as tensor(float), or give a missing value a code of its own",
        )
    if feature.texts:
        return _code_cast(feature, kind, form, name)
    if "int" in kind and feature.kind == "number" and not feature.whole:
        # A fraction would be cut off in silence.
        raise InvalidInput(
            f"{name} takes {feature.name!r} as {kind}, and the contract allows fractions",
            hint="declare it with whole = true in goldenpath.toml, or export it as tensor(float)",
        )
    return lambda column: column.astype(_NUMBERS[kind]).reshape(form)


def _text_cast(feature: Feature, form: tuple[int, ...], name: str) -> Callable[[Rows], Column]:
    """Return what makes texts: those of a category, or its codes in digits."""
    if feature.kind != "category":
        raise InvalidInput(
            f"{name} takes {feature.name!r} as texts, and the contract declares a number",
            hint='declare it with kind = "category" and the texts as its categories',
        )
    texts = np.array([*(feature.texts or map(number_text, feature.codes)), ""], object)
    codes = np.array(feature.codes, np.float32)

    def cast(column: Rows) -> Column:
        places = np.full(len(column), len(codes))  # a missing value is an empty text
        for place, code in enumerate(codes):
            places[column == code] = place
        shaped: Column = texts[places].reshape(form)
        return shaped

    return cast


def _code_cast(
    feature: Feature, kind: str, form: tuple[int, ...], name: str
) -> Callable[[Rows], Column]:
    """Return what makes the codes of a category of digits, or the positions of its texts."""
    numbers = [int(text) for text in feature.texts if text.lstrip("-").isdecimal()]
    if len(numbers) < len(feature.texts):
        return lambda column: column.astype(_NUMBERS[kind]).reshape(form)
    codes = np.array(numbers, np.int64).astype(_NUMBERS[kind])
    if [int(code) for code in codes] != numbers:
        raise InvalidInput(
            f"{name} takes {feature.name!r} as {kind}, which does not hold its codes: expected "
            "tensor(int64), tensor(double) or tensor(string)",
            hint="export an input of one of these types",
        )
    if not feature.missing:
        return lambda column: codes[column.astype(np.int64)].reshape(form)
    gap = np.array([np.nan], codes.dtype)
    known = np.concatenate([codes, gap])
    return lambda column: known[np.where(np.isnan(column), -1, column).astype(int)].reshape(form)


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
        allowed = _COUNTS if output == scores and contract.task == "value" else _FLOATS
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
