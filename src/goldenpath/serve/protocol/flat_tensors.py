"""The common large request, read three times as quickly: one tensor of flat numbers, by simdjson.

Only what means the same to both parsers is read here. Whatever else it is (another tensor, a key
twice, nested or missing numbers, parameters, a fault), the general reader takes it or says what is
wrong with it. So it does where simdjson is not installed.
"""

import numpy as np

from goldenpath.serve.model.model import Doubles
from goldenpath.serve.protocol.tensors import MOST_ROWS, NUMBERS, InputShape

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
FRAMES = 64
"""Forms of a request that are remembered: most clients send the same one with other numbers."""
LONGEST_FRAME = 1024
_DATA = b'"data":'
_TENSOR = frozenset({"name", "shape", "datatype", "data"})


class FlatReader:
    """Reads such requests of one model, and remembers what stood around their numbers."""

    def __init__(self, expected: InputShape) -> None:
        self._expected = expected
        self.forms: dict[bytes, tuple[bytes, int]] = {}
        """By what is before the numbers: what has to be behind them, and how many rows they are."""

    def read(self, body: bytes) -> tuple[Doubles, str] | None:
        """The rows and the id of a request, None where the general reader has to look."""
        if not (IS_AVAILABLE and SMALLEST <= len(body) <= LARGEST):
            return None
        start = body.find(b"[", body.find(_DATA)) + 1
        try:
            known = self.forms.get(body[:start])
            if known is not None and body.endswith(known[0]):
                rows = self._between(body[start - 1 : 1 - len(known[0]) or None], known[1])
                if rows is not None:
                    return rows, ""
            # One bracket each for inputs, shape and data: so no list of numbers is nested.
            found = None
            if body.count(b"[") == 3:
                found = _request(_parser.parse(body), self._expected)
        except (ValueError, TypeError, RuntimeError):
            # Not JSON, not numbers, or whole numbers beyond 64 bits.
            return None
        if found is not None and not found[1]:
            self._remember(body[:start], body[body.index(b"]", start) :], len(found[0]))
        return found

    def _between(self, numbers: bytes, count: int) -> Doubles | None:
        """The rows in `[...]`, which stands where the numbers of a request stood that was right."""
        if numbers.rfind(b"[") != 0:
            return None
        array = _parser.parse(numbers)
        return _as_rows(array, count, self._expected) if isinstance(array, simdjson.Array) else None

    def _remember(self, before: bytes, behind: bytes, count: int) -> None:
        # An escaped key would have been found elsewhere, or nowhere.
        if not before[:-1].rstrip().endswith(_DATA) or len(before) + len(behind) > LONGEST_FRAME:
            return
        if len(self.forms) >= FRAMES:
            self.forms.clear()
        self.forms[before] = (behind, count)


def _request(request: object, expected: InputShape) -> tuple[Doubles, str] | None:
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


def _rows(tensor: object, expected: InputShape) -> Doubles | None:
    if not isinstance(tensor, simdjson.Object):
        return None
    keys, width = list(tensor.keys()), len(expected.names)
    # A key that stands twice means the first to one parser and the last to the other.
    if len(keys) != len(_TENSOR) or frozenset(keys) != _TENSOR:
        return None
    if tensor["name"] != expected.tensor or tensor["datatype"] not in NUMBERS:
        return None
    shape, data = tensor["shape"], tensor["data"]
    if not (isinstance(shape, simdjson.Array) and isinstance(data, simdjson.Array)):
        return None
    sizes = shape.as_list()
    if len(sizes) != 2 or type(sizes[0]) is not int or type(sizes[1]) is not int:
        return None
    if sizes[1] != width or not 0 < sizes[0] <= MOST_ROWS:
        return None
    return _as_rows(data, sizes[0], expected)


def _as_rows(data: "simdjson.Array", count: int, expected: InputShape) -> Doubles | None:
    numbers = np.frombuffer(data.as_buffer(of_type="d"))
    if len(numbers) != count * len(expected.names):
        return None
    return numbers.reshape(count, -1)
