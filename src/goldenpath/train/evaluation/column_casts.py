"""Makes one input of a graph out of rows: the numbers, codes, texts and times that it takes.

What would change a value on the way is refused, with the way to export the graph again.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from goldenpath.errors import InvalidInput
from goldenpath.project.number_text import number_text
from goldenpath.project.spec import Contract, Feature
from goldenpath.project.task.feature_parts import EPOCH, SECONDS, DeclaredFeature
from goldenpath.train.evaluation.onnx_texts import text_cast

Rows = NDArray[np.float32]
Column = NDArray[np.generic]

NUMBERS: Mapping[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}
_TEXT = "tensor(string)"
FLOATS = frozenset({"tensor(float)", "tensor(double)", "tensor(float16)"})


def part_cast(
    declared: DeclaredFeature, contract: Contract, given: tuple[str, Sequence[object]], name: str
) -> Callable[[Rows], Column]:
    """Return what makes one input out of rows: of a feature, a vector, a timestamp or a text."""
    if declared.part == "text":
        return text_cast(declared, given, name)
    (kind, shape), start, width = given, declared.start, declared.width
    if not declared.part:
        cast = column_cast(contract.features[start], kind, shape, name=name)
        return lambda rows: cast(rows[:, start])
    if declared.part == "element":
        if kind not in FLOATS or len(shape) != 2 or not is_open_or(width, shape[1]):
            raise InvalidInput(
                f"{name} has an input {declared.name!r} of type {kind} and shape {shape}: expected "
                f"floats of shape (n, {width})",
                hint="export the vector as one input of floats",
            )
        return lambda rows: rows[:, start : start + width].astype(NUMBERS[kind])
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
        return whole.astype(NUMBERS[kind]).reshape(form)

    return seconds


def column_cast(
    feature: Feature, kind: str, shape: Sequence[object], *, name: str
) -> Callable[[Rows], Column]:
    """Return what makes one input out of a column of rows."""
    if len(shape) not in (1, 2) or not is_open_or(1, shape[-1] if len(shape) == 2 else 1):
        raise InvalidInput(
            f"{name} has an input {feature.name!r} of shape {shape}: expected (n, 1) or (n,)",
            hint="export each feature as one column",
        )
    form = (-1, 1) if len(shape) == 2 else (-1,)
    if kind == _TEXT:
        return _text_cast(feature, form, name)
    if kind not in NUMBERS:
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
    return lambda column: column.astype(NUMBERS[kind]).reshape(form)


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
        return lambda column: column.astype(NUMBERS[kind]).reshape(form)
    codes = np.array(numbers, np.int64).astype(NUMBERS[kind])
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


def is_open_or(width: int, size: object) -> bool:
    """Return whether a dimension of a graph is of this width, or left open."""
    return size == width or not isinstance(size, int)
