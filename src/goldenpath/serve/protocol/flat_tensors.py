"""A parser for the common large request, one tensor of flat numbers: simdjson, three times faster.

It reads only requests that mean the same to both parsers. The general parser reads or refuses all
others: another tensor, a repeated key, nested or missing numbers, parameters, a fault. Without
simdjson the general parser reads everything.
"""

import numpy as np

from goldenpath.serve.model.model import Doubles
from goldenpath.serve.protocol.tensors import FLOATS, MOST_ROWS, InputShape

try:
    import simdjson
except ImportError:
    IS_AVAILABLE = False
else:
    IS_AVAILABLE = True
    _parser = simdjson.Parser()

SMALLEST = 512
"""Bytes of the smallest body for which it is faster."""
LARGEST = 1024 * 1024
"""The parser keeps eight times the largest body it has read."""
FRAMES = 64
"""Cached forms of a request: most clients send the same one with other numbers."""
LONGEST_FRAME = 1024
_DATA = b'"data":'
_TENSOR = frozenset({"name", "shape", "datatype", "data"})


class FlatReader:
    """Reads such requests of one model, and caches the bytes around their numbers."""

    def __init__(self, expected: InputShape) -> None:
        self._expected = expected
        self.forms: dict[bytes, tuple[bytes, int]] = {}
        """By the bytes before the numbers: the bytes after them, and the number of rows."""

    def read(self, body: bytes) -> tuple[Doubles, str] | None:
        """Return the rows and the id of a request; None if the general parser must read it."""
        if not (IS_AVAILABLE and SMALLEST <= len(body) <= LARGEST):
            return None
        start = body.find(b"[", body.find(_DATA)) + 1
        try:
            known = self.forms.get(body[:start])
            if known is not None and body.endswith(known[0]):
                rows = self._between(body[start - 1 : 1 - len(known[0]) or None], known[1])
                if rows is not None:
                    return rows, ""
            # Exactly one bracket each for inputs, shape and data means that no list is nested.
            parsed = None
            if body.count(b"[") == 3:
                parsed = _request(_parser.parse(body), self._expected)
        except (ValueError, TypeError, RuntimeError):
            # Not JSON, not numbers, or whole numbers beyond 64 bits.
            return None
        if parsed is not None and not parsed[1]:
            self._remember(body[:start], body[body.index(b"]", start) :], len(parsed[0]))
        return parsed

    def _between(self, numbers: bytes, count: int) -> Doubles | None:
        """Return the rows in `[...]`, found at the place of the numbers in a valid request."""
        if numbers.rfind(b"[") != 0:
            return None
        array = _parser.parse(numbers)
        return _as_rows(array, count, self._expected) if isinstance(array, simdjson.Array) else None

    def _remember(self, before: bytes, behind: bytes, count: int) -> None:
        # An escaped key would be found elsewhere, or nowhere.
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
    # One parser takes the first of two equal keys, the other the last.
    if len(keys) != len(_TENSOR) or frozenset(keys) != _TENSOR:
        return None
    if tensor["name"] != expected.tensor or tensor["datatype"] not in FLOATS:
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
