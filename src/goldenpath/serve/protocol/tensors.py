"""Tensors of the Open Inference Protocol: from a request to rows of the model's input.

Values come as JSON (flat or nested, row-major) or, by the binary tensor extension, as raw bytes
behind the JSON. A request names either one tensor of all features or one tensor per feature. True
and false become 1 and 0, and labels become codes, because a model sees only numbers.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan, nan

import msgspec
import numpy as np

from goldenpath.errors import InvalidInput
from goldenpath.project.number_text import number_text
from goldenpath.project.spec import Contract
from goldenpath.project.task.feature_parts import (
    EXPECTED_MOMENT,
    DeclaredFeature,
    declared_features,
)
from goldenpath.serve.model.model import Doubles, Rows
from goldenpath.serve.protocol.inputs import Refusal, Unfit
from goldenpath.serve.protocol.labels import (
    MOST_SHOWN,
    LabelledColumn,
    coded,
    moments,
    text_numbers,
    texts_in,
)

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
    "BF16": np.dtype("<u2"),
    "BOOL": np.dtype("<u1"),
}
_TRUTHS = (0.0, 1.0)
NUMBERS = frozenset(_BINARY) - {"BOOL"}
"""Datatypes whose values are JSON numbers."""
FLOATS = frozenset({"FP32", "FP64"})
"""Datatypes that hold every number that a model takes."""
_RANGES: Mapping[str, tuple[int, int]] = {
    **{f"INT{bits}": (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": (0, (1 << bits) - 1) for bits in (8, 16, 32, 64)},
    "FP16": (-65504, 65504),
}
"""Integers, because a double does not hold the largest of 64 bits."""
DATATYPES = (*_BINARY, "BYTES")
MOST_ROWS = 100_000
"""Rows of the largest request."""


class TensorParameters(msgspec.Struct):
    """The known parameters of a tensor."""

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
    """The required tensors of a request."""

    tensor: str
    names: tuple[str, ...]
    columns: tuple[LabelledColumn, ...] = ()
    """One tensor for each name."""
    declared: tuple[DeclaredFeature, ...] = ()
    """The features as declared, if some are vectors, timestamps or texts; else none."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """The most bytes of each text feature."""

    @classmethod
    def of(cls, contract: Contract) -> "InputShape":
        """From the contract."""
        features = contract.features
        names = tuple(feature.name for feature in features)
        declared = declared_features(contract)
        has_parts = any(each.part for each in declared)
        columns = tuple(map(LabelledColumn.of, features))
        limits = {each.name: features[each.start].bytes for each in declared}
        kept = declared if has_parts else ()
        return cls(contract.input_tensor, names, columns, kept, limits if has_parts else {})

    @property
    def has_labels(self) -> bool:
        """Whether some column accepts texts."""
        return any(column.has_labels for column in self.columns)


def rows_of(
    inputs: Sequence[Tensor | LooseTensor], expected: InputShape, binary: bytes
) -> tuple[list[float] | Rows | Doubles, int]:
    """Return the values of a request and its number of rows.

    Values are a flat list or an array of shape `(n, features)`. `binary` follows the JSON.
    Raises `InvalidInput` naming the tensor.
    """
    if len(inputs) == 1 and inputs[0].name == expected.tensor:
        return _whole(inputs[0], expected, binary)
    if expected.declared and {one.name for one in inputs} != {*expected.names}:
        return _by_declaration(inputs, expected, binary)
    return _by_name(inputs, expected, binary)


def _whole(
    tensor: Tensor | LooseTensor, expected: InputShape, binary: bytes
) -> tuple[list[float] | Rows | Doubles, int]:
    shape, width = tensor.shape, len(expected.names)
    if len(shape) != 2 or shape[1] != width or not 0 < shape[0] <= MOST_ROWS:
        raise InvalidInput(
            f"input {tensor.name} has the shape {shape[:8]}: expected [n, {width}] "
            f"with n from 1 to {MOST_ROWS}"
        )
    count = shape[0]
    values, used = _values(tensor, count * width, binary, 0, columns=expected.columns)
    _all_used(binary, used)
    if isinstance(values, list):
        return values, count
    return values.reshape(count, width), count


def _by_name(
    inputs: Sequence[Tensor | LooseTensor], expected: InputShape, binary: bytes
) -> tuple[Doubles, int]:
    _names_agree([tensor.name for tensor in inputs], expected)
    count = inputs[0].shape[0] if inputs[0].shape else 0
    if not 0 < count <= MOST_ROWS:
        raise InvalidInput(f"input {inputs[0].name} has {count} rows: expected 1 to {MOST_ROWS}")
    rows = np.empty((count, len(expected.names)))
    places = {name: place for place, name in enumerate(expected.names)}
    offset = 0
    for tensor in inputs:
        if tensor.shape not in ([count], [count, 1]):
            raise InvalidInput(
                f"input {tensor.name} has the shape {tensor.shape[:8]}: "
                f"expected [{count}] or [{count}, 1], like the inputs before it"
            )
        place = places[tensor.name]
        columns = expected.columns[place : place + 1]
        values, offset = _values(tensor, count, binary, offset, columns=columns)
        rows[:, place] = np.asarray(values).ravel()
    _all_used(binary, offset)
    return rows, count


def _by_declaration(
    inputs: Sequence[Tensor | LooseTensor], expected: InputShape, binary: bytes
) -> tuple[Doubles, int]:
    """Read one tensor for each declared feature: a vector has `[n, width]`, a time is BYTES."""
    declared = {each.name: each for each in expected.declared}
    _names_agree([tensor.name for tensor in inputs], expected, tuple(declared))
    count = inputs[0].shape[0] if inputs[0].shape else 0
    if not 0 < count <= MOST_ROWS:
        raise InvalidInput(f"input {inputs[0].name} has {count} rows: expected 1 to {MOST_ROWS}")
    rows = np.empty((count, len(expected.names)))
    offset = 0
    for tensor in inputs:
        feature = declared[tensor.name]
        width = feature.width if feature.part == "element" else 1
        if tensor.shape != [count, width] and (width > 1 or tensor.shape != [count]):
            raise InvalidInput(
                f"input {tensor.name} has the shape {tensor.shape[:8]}: expected [{count}, {width}]"
            )
        place = slice(feature.start, feature.start + feature.width)
        if feature.part in ("days", "text"):
            what = EXPECTED_MOMENT if feature.part == "days" else "texts"
            texts, offset = _texts_of(tensor, count, binary, offset, what=what)
            if feature.part == "days":
                rows[:, place] = moments(feature.name, texts)
            else:
                limit = expected.limits[feature.name]
                rows[:, place] = text_numbers(feature, limit, texts, (0, count))
            continue
        columns = expected.columns[place]
        values, offset = _values(tensor, count * width, binary, offset, columns=columns)
        rows[:, place] = np.asarray(values).reshape(count, width)
    _all_used(binary, offset)
    return rows, count


def _texts_of(
    tensor: Tensor | LooseTensor, count: int, binary: bytes, offset: int, *, what: str
) -> tuple[list[object], int]:
    """Return texts and times, and the place of the next values in `binary`."""
    length = tensor.parameters.binary_data_size if tensor.parameters else None
    if tensor.datatype != "BYTES":
        raise InvalidInput(
            f"input {tensor.name} has the datatype {tensor.datatype[:20]!r}: expected BYTES, with "
            f"{what}"
        )
    if length is None:
        texts = _leaves(tensor, count) if isinstance(tensor, LooseTensor) else []
        if len(texts) != count:
            raise InvalidInput(f"input {tensor.name} has {len(texts)} values: expected {count}")
        return texts, offset
    if length < 0 or offset + length > len(binary):
        raise InvalidInput(f"input {tensor.name} ends after the body: {length} bytes expected")
    listed: list[object] = [*texts_in(tensor.name, binary[offset : offset + length], count)]
    return listed, offset + length


def _names_agree(
    names: list[str], expected: InputShape, declared: tuple[str, ...] | None = None
) -> None:
    wanted = expected.names if declared is None else declared
    if len(names) == len(wanted) and set(names) == set(wanted):
        return
    times = Counter(names)
    unknown = sorted(times.keys() - set(wanted))
    absent = [name for name in wanted if name not in times]
    twice = sorted(name for name, number in times.items() if number > 1)
    wrong = [
        f"{what} {', '.join(name[:MOST_SHOWN] for name in some[:10])}"
        for what, some in (("unknown:", unknown), ("absent:", absent), ("twice:", twice))
        if some
    ]
    raise InvalidInput(
        f"inputs do not fit the contract: expected the tensor {expected.tensor} or one tensor "
        f"per feature; {'; '.join(wrong)}"
    )


def _values(
    tensor: Tensor | LooseTensor,
    size: int,
    binary: bytes,
    offset: int,
    *,
    columns: Sequence[LabelledColumn],
) -> tuple[list[float] | Rows | Doubles, int]:
    """Return the values of one tensor, and the place of the next ones in `binary`."""
    length = tensor.parameters.binary_data_size if tensor.parameters else None
    if length is not None:
        values = _from_binary(tensor, size, binary, offset, length=length, columns=columns)
        return values, offset + length
    data = tensor.data if isinstance(tensor, Tensor) else _leaves(tensor, size)
    if len(data) != size:
        raise InvalidInput(f"input {tensor.name} has {len(data)} values: expected {size}")
    if tensor.datatype == "BYTES":
        return _coded(tensor, data, columns), offset
    numbers = tensor.data if isinstance(tensor, Tensor) else [_number(tensor, x) for x in data]
    if tensor.datatype in NUMBERS:
        if tensor.datatype in _RANGES:
            _refuse_misfits(tensor, numbers, columns)
        return numbers, offset
    if tensor.datatype != "BOOL":
        raise _unknown(tensor)
    if not all(value in _TRUTHS or isnan(value) for value in numbers):
        raise _no_truth(tensor)
    return numbers, offset


def _from_binary(
    tensor: Tensor | LooseTensor,
    size: int,
    binary: bytes,
    offset: int,
    *,
    length: int,
    columns: Sequence[LabelledColumn],
) -> Rows | Doubles:
    if tensor.data:
        raise InvalidInput(f"input {tensor.name} has both data and binary_data_size")
    if length < 0 or offset + length > len(binary):
        raise InvalidInput(f"input {tensor.name} ends after the body: {length} bytes expected")
    if tensor.datatype == "BYTES":
        texts = texts_in(tensor.name, binary[offset : offset + length], size)
        return _coded(tensor, texts, columns)
    dtype = _BINARY.get(tensor.datatype)
    if dtype is None:
        raise _unknown(tensor)
    if length != size * dtype.itemsize:
        raise InvalidInput(
            f"input {tensor.name} has {length} binary bytes: expected {size * dtype.itemsize}"
        )
    raw = np.frombuffer(binary, dtype=dtype, count=size, offset=offset)
    if tensor.datatype == "BF16":
        # The upper half of a 32-bit float.
        return (raw.astype("<u4") << 16).view("<f4").astype(np.float32, copy=False)
    if tensor.datatype == "BOOL" and (raw > 1).any():
        raise _no_truth(tensor)
    # Whole numbers and 64-bit floats are compared with what the model gets before it answers.
    if raw.dtype.itemsize <= 2 or raw.dtype == np.dtype("<f4"):
        return raw.astype(np.float32)
    return raw.astype(np.float64)


def _refuse_misfits(
    tensor: Tensor | LooseTensor, numbers: Sequence[float], columns: Sequence[LabelledColumn]
) -> None:
    """Raise `Unfit` for a number that its own datatype cannot hold, such as 300 in UINT8."""
    low, high = _RANGES[tensor.datatype]
    is_whole = tensor.datatype != "FP16"
    for place, number in enumerate(numbers):
        if (number < low or number > high) or (is_whole and number % 1.0 > 0):
            row, column = divmod(place, len(columns))
            kind = "a whole number from" if is_whole else "a number from"
            expected = f"{kind} {low} to {high}, as {tensor.datatype} is"
            where = f"row {row}, column {columns[column].name}"
            note = f"{where}: expected {expected}"
            raise Unfit(Refusal(422, f"{note}, got {number_text(number)}", note))


def _coded(
    tensor: Tensor | LooseTensor, data: Sequence[object], columns: Sequence[LabelledColumn]
) -> Doubles:
    if not any(column.has_labels for column in columns):
        raise _unknown(tensor, _BINARY)
    texts = [text for text in data if text is None or isinstance(text, str)]
    if len(texts) != len(data):
        raise InvalidInput(f"input {tensor.name} of datatype BYTES holds numbers: expected texts")
    return coded(texts, columns)


def _unknown(tensor: Tensor | LooseTensor, expected: Iterable[str] = DATATYPES) -> InvalidInput:
    return InvalidInput(
        f"input {tensor.name} has the datatype {tensor.datatype[:20]!r}: "
        f"expected one of {', '.join(expected)}"
    )


def _no_truth(tensor: Tensor | LooseTensor) -> InvalidInput:
    return InvalidInput(
        f"input {tensor.name} of datatype BOOL holds another value than true and false"
    )


def _all_used(binary: bytes, used: int) -> None:
    if used != len(binary):
        raise InvalidInput(f"{len(binary) - used} bytes of the body belong to no input")


def _number(tensor: LooseTensor, leaf: object) -> float:
    """Return a value as a number; null is a missing value."""
    if leaf is None:
        return nan
    if isinstance(leaf, bool) and tensor.datatype != "BOOL":
        raise InvalidInput(f"input {tensor.name} holds a bool: expected numbers")
    if not isinstance(leaf, int | float):
        raise InvalidInput(f"input {tensor.name} holds a {type(leaf).__name__}: expected numbers")
    try:
        return float(leaf)
    except OverflowError as error:
        raise InvalidInput(f"input {tensor.name} holds a number that is too large") from error


def _leaves(tensor: LooseTensor, size: int) -> list[object]:
    """Return row-major values of nested lists. Raises `InvalidInput` at once if too many."""
    leaves: list[object] = []
    _flatten(tensor.name, tensor.data, len(tensor.shape), leaves, size=size)
    return leaves


def _flatten(name: str, data: object, depth: int, leaves: list[object], *, size: int) -> None:
    if not isinstance(data, list):
        raise InvalidInput(f"input {name} has no list of values as its data")
    if len(leaves) + len(data) > size and (depth < 2 or len(data) > size):
        number = len(leaves) + len(data)
        raise InvalidInput(f"input {name} has {number} values: expected {size}")
    for item in data:
        if isinstance(item, list):
            if depth < 2:
                raise InvalidInput(f"input {name} is nested deeper than its shape says")
            _flatten(name, item, depth - 1, leaves, size=size)
        else:
            leaves.append(item)
