"""The common large request, read three times as quickly: one tensor of flat numbers, by simdjson.

Only what means the same to both parsers is read here. Whatever else it is (another tensor, a key
twice, nested or missing numbers, parameters, a fault), the general reader takes it or says what is
wrong with it. So it does where simdjson is not installed.
"""

import numpy as np

from goldenpath.serve.model import Rows
from goldenpath.serve.tensors import DATATYPES, MOST_ROWS, InputShape

try:
    import simdjson
except ImportError:
    IS_AVAILABLE = False
else:
    IS_AVAILABLE = True
    _parser = simdjson.Parser()

SMALLEST = 512
"""Bytes of a body from which on it pays."""
LARGEST = 1024 * 1024
"""The parser keeps eight times the largest body it has read."""
_TENSOR = frozenset({"name", "shape", "datatype", "data"})


def read_flat(body: bytes, expected: InputShape) -> tuple[Rows, str] | None:
    """The rows and the id of a request, None where the general reader has to look."""
    # One bracket each for inputs, shape and data: so no list of numbers is nested.
    if not (IS_AVAILABLE and SMALLEST <= len(body) <= LARGEST) or body.count(b"[") != 3:
        return None
    try:
        return _request(_parser.parse(body), expected)
    except (ValueError, TypeError, RuntimeError):
        # Not JSON, not numbers, or whole numbers beyond 64 bits.
        return None


def _request(request: object, expected: InputShape) -> tuple[Rows, str] | None:
    if not isinstance(request, simdjson.Object):
        return None
    keys = list(request.keys())
    if keys not in (["inputs"], ["id", "inputs"], ["inputs", "id"]):
        return None
    inputs = request["inputs"]
    request_id = request["id"] if len(keys) == 2 else ""
    if not isinstance(inputs, simdjson.Array) or not isinstance(request_id, str):
        return None
    rows = _rows(inputs[0], expected) if len(inputs) == 1 else None
    return None if rows is None else (rows, request_id)


def _rows(tensor: object, expected: InputShape) -> Rows | None:
    if not isinstance(tensor, simdjson.Object):
        return None
    keys, width = list(tensor.keys()), len(expected.names)
    # A key that stands twice means the first to one parser and the last to the other.
    if len(keys) != len(_TENSOR) or frozenset(keys) != _TENSOR:
        return None
    if tensor["name"] != expected.tensor or tensor["datatype"] not in DATATYPES:
        return None
    shape, data = tensor["shape"], tensor["data"]
    if not (isinstance(shape, simdjson.Array) and isinstance(data, simdjson.Array)):
        return None
    sizes = shape.as_list()
    if len(sizes) != 2 or type(sizes[0]) is not int or type(sizes[1]) is not int:
        return None
    numbers = np.frombuffer(data.as_buffer(of_type="d"))
    if sizes[1] != width or not 0 < sizes[0] <= MOST_ROWS or len(numbers) != sizes[0] * width:
        return None
    # What is too large for 32 bits becomes infinite here and is refused by the input rules.
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32).reshape(-1, width)
