"""A small ONNX file written by hand, so that no test needs the package `onnx`."""

import numpy as np
from numpy.typing import NDArray


def logistic_regression(
    weights: NDArray[np.float32], bias: float, *, reasons: bool = False
) -> bytes:
    """`probability = sigmoid(features @ weights + bias)`, shapes `(n, f)` to `(n, 1)`.

    With `reasons` also `reasons = features * weights`, one column per feature.
    """
    width = len(weights)
    extra = _bytes(12, _value("reasons", width)) if reasons else b""
    if reasons:
        row = _tensor("row", [1, width], weights)
        extra += _bytes(5, row) + _bytes(1, _node("Mul", ["features", "row"], ["reasons"]))
    nodes = [
        _node("MatMul", ["features", "weights"], ["product"]),
        _node("Add", ["product", "bias"], ["logit"]),
        _node("Sigmoid", ["logit"], ["probability"]),
    ]
    graph = b"".join(
        [
            *(_bytes(1, node) for node in nodes),
            _bytes(2, b"credit"),
            _bytes(5, _tensor("weights", [width, 1], weights)),
            _bytes(5, _tensor("bias", [1], np.array([bias], dtype=np.float32))),
            _bytes(11, _value("features", width)),
            _bytes(12, _value("probability", 1)),
            extra,
        ]
    )
    opset = _bytes(1, b"") + _number(2, 17)
    return _number(1, 8) + _bytes(2, b"goldenpath tests") + _bytes(7, graph) + _bytes(8, opset)


def _node(operator: str, inputs: list[str], outputs: list[str]) -> bytes:
    names = b"".join(_bytes(1, name.encode()) for name in inputs)
    return (
        names
        + b"".join(_bytes(2, name.encode()) for name in outputs)
        + _bytes(4, operator.encode())
    )


def _tensor(name: str, shape: list[int], values: NDArray[np.float32]) -> bytes:
    dimensions = b"".join(_number(1, size) for size in shape)
    return dimensions + _number(2, 1) + _bytes(8, name.encode()) + _bytes(9, values.tobytes())


def _value(name: str, width: int) -> bytes:
    shape = _bytes(1, _bytes(2, b"n")) + _bytes(1, _number(1, width))
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _number(1, 1) + _bytes(2, shape)))


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
