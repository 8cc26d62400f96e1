"""A small ONNX file written by hand, so that no test needs the package `onnx`."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

FLOAT, INT64, STRING, DOUBLE = 1, 7, 8, 11
"""Element types of ONNX."""


def logistic_regression(
    weights: NDArray[np.float32],
    bias: float,
    *,
    reasons: bool = False,
    names: tuple[str, str, str] = ("features", "probability", "reasons"),
    outside: str = "",
) -> bytes:
    """`probability = sigmoid(features @ weights + bias)`, shapes `(n, f)` to `(n, 1)`.

    The weights stand in the file `outside`, if one is named. With `reasons` also
    `reasons = features * weights`, one column per feature. `names` are what the three tensors are
    called.
    """
    width = len(weights)
    features, probability, why = names
    nodes = [
        node("MatMul", [features, "weights"], ["product"]),
        node("Add", ["product", "bias"], ["logit"]),
        node("Sigmoid", ["logit"], [probability]),
    ]
    constants = [
        _tensor("weights", [width, 1], weights, outside),
        _tensor("bias", [1], np.array([bias], dtype=np.float32)),
    ]
    if not reasons:
        return graph(nodes, width, constants, {probability: 1}, features)
    nodes.append(node("Mul", [features, "row"], [why]))
    constants.append(_tensor("row", [1, width], weights))
    return graph(nodes, width, constants, {probability: 1, why: width}, features)


def graph(
    nodes: list[bytes],
    width: int,
    constants: Sequence[bytes] = (),
    outputs: Mapping[str, int] = MappingProxyType({"probability": 1}),
    features: str = "features",
    *,
    rows: int = 0,
    inputs: Mapping[str, int] = MappingProxyType({}),
    widths: Mapping[str, int] = MappingProxyType({}),
) -> bytes:
    """A model from `features` of shape `(n, width)` to outputs of so many columns.

    An output of 0 columns has the type that its operator gives it. With `rows` n is that number.
    With `inputs` there is one column for each name, of these element types of ONNX. `widths` are
    the columns of those that have another number; 0 leaves the number open.
    """
    values = [
        _value(name, widths.get(name, 1), rows, kind, is_open=widths.get(name) == 0)
        for name, kind in inputs.items()
    ]
    content = b"".join(
        [
            *(_bytes(1, each) for each in nodes),
            _bytes(2, b"credit"),
            *(_bytes(5, constant) for constant in constants),
            *(_bytes(11, each) for each in values or [_value(features, width, rows)]),
            *(_bytes(12, _value(name, columns)) for name, columns in outputs.items()),
        ]
    )
    opsets = b"".join(
        _bytes(8, _bytes(1, domain) + _number(2, version))
        for domain, version in ((b"", 17), (b"ai.onnx.ml", 3))
    )
    return _number(1, 8) + _bytes(2, b"goldenpath tests") + _bytes(7, content) + opsets


def node(
    operator: str,
    inputs: list[str],
    outputs: list[str],
    attributes: Sequence[bytes] = (),
    domain: str = "",
) -> bytes:
    """One operator of a graph."""
    return b"".join(
        [
            *(_bytes(1, name.encode()) for name in inputs),
            *(_bytes(2, name.encode()) for name in outputs),
            _bytes(4, operator.encode()),
            *(_bytes(5, each) for each in attributes),
            _bytes(7, domain.encode()),
        ]
    )


def attribute(name: str, value: int | list[bytes] | NDArray[np.generic]) -> bytes:
    """A number, or a list of texts, of 32-bit floats or of whole numbers."""
    start = _bytes(1, name.encode())
    if isinstance(value, int):
        return start + _number(3, value) + _number(20, 2)
    if isinstance(value, list):
        return start + b"".join(_bytes(9, text) for text in value) + _number(20, 8)
    if value.dtype == np.float32:
        return start + _bytes(7, value.tobytes()) + _number(20, 6)
    whole = b"".join(_varint(number) for number in value.tolist())
    return start + _bytes(8, whole) + _number(20, 7)


def zip_map(width: int, classes: Sequence[str] = ()) -> bytes:
    """A classifier as skl2onnx writes it: its probabilities are a list of maps.

    Class `n` of `classes` gets the value of column `n`; without classes 0 and 1 get 0.
    """
    if classes:
        labels = attribute("classlabels_strings", [name.encode() for name in classes])
        named = node("ZipMap", ["features"], ["probability"], [labels], "ai.onnx.ml")
        return graph([named], width, outputs={"probability": 0})
    nodes = [
        node("MatMul", ["features", "weights"], ["scores"]),
        node(
            "ZipMap",
            ["scores"],
            ["probability"],
            [attribute("classlabels_int64s", np.array([0, 1]))],
            "ai.onnx.ml",
        ),
    ]
    weights = _tensor("weights", [width, 2], np.zeros((width, 2), np.float32))
    return graph(nodes, width, [weights], {"probability": 0})


def _tensor(name: str, shape: list[int], values: NDArray[np.float32], outside: str = "") -> bytes:
    dimensions = b"".join(_number(1, size) for size in shape)
    if outside:
        place = _bytes(13, _bytes(1, b"location") + _bytes(2, outside.encode()))
        return dimensions + _number(2, 1) + _bytes(8, name.encode()) + place + _number(14, 1)
    return dimensions + _number(2, 1) + _bytes(8, name.encode()) + _bytes(9, values.tobytes())


def whole_numbers(name: str, values: Sequence[int]) -> bytes:
    """A constant of whole numbers, one dimension."""
    raw = np.array(values, "<i8").tobytes()
    return _number(1, len(values)) + _number(2, INT64) + _bytes(8, name.encode()) + _bytes(9, raw)


def float_numbers(name: str, shape: list[int], values: NDArray[np.float32]) -> bytes:
    """A constant of 32-bit floats."""
    return _tensor(name, shape, values)


def _value(
    name: str, width: int, rows: int = 0, kind: int = FLOAT, *, is_open: bool = False
) -> bytes:
    if not width and not is_open:
        return _bytes(1, name.encode())
    first = _number(1, rows) if rows else _bytes(2, b"n")
    second = _bytes(2, b"tokens") if is_open else _number(1, width)
    shape = _bytes(1, first) + _bytes(1, second)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, shape)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    result = bytearray()
    while value > 127:
        result.append(value & 127 | 128)
        value >>= 7
    result.append(value)
    return bytes(result)
