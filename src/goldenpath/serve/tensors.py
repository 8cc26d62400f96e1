"""Tensors of the Open Inference Protocol: what a request holds, as rows of the model's input.

Numbers come as JSON (flat or nested, row-major) or, by the binary tensor extension, as raw bytes
behind the JSON. A request names either one tensor of all features or one tensor per feature.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from goldenpath.errors import InvalidInput
from goldenpath.project.spec import Contract
from goldenpath.serve.model import Rows

_BINARY: dict[str, np.dtype[np.generic]] = {
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "INT8": np.dtype("<i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "UINT8": np.dtype("<u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
}
DATATYPES = tuple(_BINARY)
MOST_ROWS = 100_000
"""Rows of the largest request."""


class TensorParameters(msgspec.Struct):
    """Parameters of a tensor that mean something here."""

    binary_data_size: int | None = None
    binary_data: bool | None = None


class Tensor(msgspec.Struct):
    """An input as most clients send it."""

    name: str
    shape: list[int]
    datatype: str
    data: list[float] = []
    parameters: TensorParameters | None = None


class LooseTensor(msgspec.Struct):
    """An input with nested or missing numbers."""

    name: str
    shape: list[int]
    datatype: str
    data: object = None
    parameters: TensorParameters | None = None


@dataclass(frozen=True, slots=True)
class InputShape:
    """What a request has to hold."""

    tensor: str
    names: tuple[str, ...]

    @classmethod
    def of(cls, contract: Contract) -> "InputShape":
        """From the contract."""
        return cls(contract.input_tensor, tuple(feature.name for feature in contract.features))


def rows_of(
    inputs: Sequence[Tensor | LooseTensor], expected: InputShape, binary: bytes
) -> tuple[list[float] | Rows, int]:
    """The values of a request and its number of rows.

    Values are a flat list or an array of shape `(n, features)`. `binary` is what follows the JSON.
    Raises `InvalidInput` naming the tensor.
    """
    if len(inputs) == 1 and inputs[0].name == expected.tensor:
        return _whole(inputs[0], expected, binary)
    return _by_name(inputs, expected, binary)


def _whole(
    tensor: Tensor | LooseTensor, expected: InputShape, binary: bytes
) -> tuple[list[float] | Rows, int]:
    shape, width = tensor.shape, len(expected.names)
    if len(shape) != 2 or shape[1] != width or not 0 < shape[0] <= MOST_ROWS:
        raise InvalidInput(
            f"input {tensor.name} has the shape {shape[:8]}: expected [n, {width}] "
            f"with n from 1 to {MOST_ROWS}"
        )
    count = shape[0]
    values, used = _values(tensor, count * width, binary, 0)
    _all_used(binary, used)
    if isinstance(values, list):
        return values, count
    return values.reshape(count, width), count


def _by_name(
    inputs: Sequence[Tensor | LooseTensor], expected: InputShape, binary: bytes
) -> tuple[Rows, int]:
    _names_agree([tensor.name for tensor in inputs], expected)
    count = inputs[0].shape[0] if inputs[0].shape else 0
    if not 0 < count <= MOST_ROWS:
        raise InvalidInput(f"input {inputs[0].name} has {count} rows: expected 1 to {MOST_ROWS}")
    rows = np.empty((count, len(expected.names)), dtype=np.float32)
    places = {name: place for place, name in enumerate(expected.names)}
    offset = 0
    for tensor in inputs:
        if tensor.shape not in ([count], [count, 1]):
            raise InvalidInput(
                f"input {tensor.name} has the shape {tensor.shape[:8]}: "
                f"expected [{count}] or [{count}, 1], like the inputs before it"
            )
        values, offset = _values(tensor, count, binary, offset)
        rows[:, places[tensor.name]] = to_float32(values)
    _all_used(binary, offset)
    return rows, count


def _names_agree(names: list[str], expected: InputShape) -> None:
    if len(names) == len(expected.names) and set(names) == set(expected.names):
        return
    known = set(expected.names)
    unknown = sorted({name for name in names if name not in known})
    absent = [name for name in expected.names if name not in set(names)]
    twice = sorted({name for name in names if names.count(name) > 1})
    wrong = [
        f"{what} {', '.join(some[:10])}"
        for what, some in (("unknown:", unknown), ("absent:", absent), ("twice:", twice))
        if some
    ]
    raise InvalidInput(
        f"inputs do not fit the contract: expected the tensor {expected.tensor} or one tensor "
        f"per feature; {'; '.join(wrong)}"
    )


def _values(
    tensor: Tensor | LooseTensor, size: int, binary: bytes, offset: int
) -> tuple[list[float] | Rows, int]:
    if tensor.datatype not in _BINARY:
        raise InvalidInput(
            f"input {tensor.name} has the datatype {tensor.datatype[:20]!r}: "
            f"expected one of {', '.join(DATATYPES)}"
        )
    length = tensor.parameters.binary_data_size if tensor.parameters else None
    if length is not None:
        return _from_binary(tensor, size, binary, offset, length), offset + length
    data = tensor.data
    if isinstance(tensor, LooseTensor):
        data = _flat(tensor, data)
    if not isinstance(data, list) or len(data) != size:
        got = len(data) if isinstance(data, list) else "none"
        raise InvalidInput(f"input {tensor.name} has {got} values: expected {size}")
    return data, offset


def _from_binary(
    tensor: Tensor | LooseTensor, size: int, binary: bytes, offset: int, length: int
) -> Rows:
    if tensor.data:
        raise InvalidInput(f"input {tensor.name} has both data and binary_data_size")
    dtype = _BINARY[tensor.datatype]
    if length != size * dtype.itemsize:
        raise InvalidInput(
            f"input {tensor.name} has {length} binary bytes: expected {size * dtype.itemsize}"
        )
    if offset + length > len(binary):
        raise InvalidInput(f"input {tensor.name} ends after the body: {length} bytes expected")
    raw = np.frombuffer(binary, dtype=dtype, count=size, offset=offset)
    return to_float32(raw)


def _all_used(binary: bytes, used: int) -> None:
    if used != len(binary):
        raise InvalidInput(f"{len(binary) - used} bytes of the body belong to no input")


def to_float32(values: object) -> Rows:
    """Values as the model sees them; what is too large becomes infinite and is refused later."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(values, dtype=np.float32)


def _flat(tensor: LooseTensor, data: object) -> list[float]:
    """Row-major values of nested lists; null is a missing value."""
    flat: list[float] = []
    _flatten(tensor.name, data, len(tensor.shape), flat)
    return flat


def _flatten(name: str, data: object, depth: int, flat: list[float]) -> None:
    if not isinstance(data, list):
        raise InvalidInput(f"input {name} has no list of numbers as its data")
    for item in data:
        if isinstance(item, list):
            if depth < 2:
                raise InvalidInput(f"input {name} is nested deeper than its shape says")
            _flatten(name, item, depth - 1, flat)
        elif item is None:
            flat.append(float("nan"))
        elif isinstance(item, float) or type(item) is int:
            flat.append(_float(name, item))
        else:
            raise InvalidInput(f"input {name} holds a {type(item).__name__}: expected numbers")


def _float(name: str, number: float) -> float:
    try:
        return float(number)
    except OverflowError as error:
        raise InvalidInput(f"input {name} holds a number that is too large") from error
