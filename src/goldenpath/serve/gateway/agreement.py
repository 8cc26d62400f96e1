"""Whether two answers to one question say the same, whatever form they came in.

A shadow or a pair is compared by value: its release, its slot and the framing of its answer differ
by right, and so may reasons, which one of two releases may give and the other not. Forms are the
JSON of the protocol, its binary tensors, decisions on rows, and messages.
"""

import json
import re
from array import array
from collections.abc import Iterator, Mapping
from math import isnan

from goldenpath.serve.gateway.message import Answer

TOLERANCE = 1e-6
_TYPE = re.compile(rb"\r\ncontent-type:[ \t]*([^;\r]*)", re.IGNORECASE)
_JSON_LENGTH = re.compile(
    rb"\r\ninference-header-content-length:[ \t]*([0-9]{1,12})", re.IGNORECASE
)
_MESSAGE = b"application/proto"
_OUTPUTS, _RAW = 5, 6
"""Fields of a `ModelInferResponse`."""
_CONTENTS, _FLOATS = 5, 6
"""The field of one of its outputs that holds values, and in it the field of 32-bit floats."""


def agree(live: Answer, shadow: Answer) -> bool:
    """Whether two answers to one request hold the same outputs, up to rounding."""
    if live.status != shadow.status:
        return False
    try:
        mine, other = _said(live), _said(shadow)
        both = mine.keys() & other.keys()
        return bool(both) and all(_close(mine[name], other[name]) for name in both)
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
        return live.body == shadow.body


def _said(answer: Answer) -> Mapping[str, object]:
    """Outputs or decisions by name. Raises `ValueError` or the like for another form."""
    found = _TYPE.search(answer.head)
    if found is not None and found[1].strip().lower() == _MESSAGE:
        return _message(answer.body)
    length = _JSON_LENGTH.search(answer.head)
    if length is not None:
        return _binary(answer.body, int(length[1]))
    whole = json.loads(answer.body)
    if "decisions" in whole:
        return {"decisions": [each | {"reasons": None} for each in whole["decisions"]]}
    return {each["name"]: [each.get("shape"), each["data"]] for each in whole["outputs"]}


def _binary(body: bytes, length: int) -> Mapping[str, object]:
    """JSON, and behind it the values of each output that has a size instead of data."""
    said, place = {}, length
    for each in json.loads(body[:length])["outputs"]:
        values = each.get("data")
        if values is None:
            end = place + each["parameters"]["binary_data_size"]
            values = _values(each["datatype"], body[place:end])
            place = end
        said[each["name"]] = [each["shape"], values]
    return said


def _message(body: bytes) -> Mapping[str, object]:
    """The outputs of a message of gRPC; the library that reads all of it is large and slow."""
    fields = list(_fields(body))
    outputs = [dict(_fields(content)) for field, content in fields if field == _OUTPUTS]
    raw = iter([content for field, content in fields if field == _RAW])
    said = {}
    for output in outputs:
        name, datatype, shape = (output.get(number, b"") for number in (1, 2, 3))
        floats = dict(_fields(output.get(_CONTENTS, b""))).get(_FLOATS)
        values = floats if floats is not None else next(raw, b"")
        said[name.decode()] = [shape, _values(datatype.decode(), values)]
    return said


def _values(datatype: str, raw: bytes) -> object:
    """Numbers of 32 or 64 bits as such, little-endian as the machine is; others byte by byte."""
    if datatype not in ("FP32", "FP64"):
        return raw
    return array("f" if datatype == "FP32" else "d", raw).tolist()


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of each field that has a length, as protocol buffers write them down."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        match tag & 7:
            case 0:
                _, place = _varint(message, place)
                continue
            case 1 | 5 as kind:
                place += 8 if kind == 1 else 4
                continue
            case 2:
                size, place = _varint(message, place)
            case _:
                raise ValueError("a field of no known kind")
        if place + size > len(message):
            raise ValueError("a field ends after the message")
        yield tag >> 3, message[place : place + size]
        place += size


def _varint(message: bytes, place: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            break
        byte = message[place]
        number, place = number | (byte & 127) << shift, place + 1
        if byte < 128:
            return number, place
    raise ValueError("a number without an end")


def _close(mine: object, other: object) -> bool:
    match mine, other:
        case list(), list():
            return len(mine) == len(other) and all(map(_close, mine, other))
        case dict(), dict():
            return mine.keys() == other.keys() and all(_close(mine[k], other[k]) for k in mine)
        case bool(), _:
            return mine is other
        case int() | float(), int() | float():
            return mine == other or abs(mine - other) <= TOLERANCE or (isnan(mine) and isnan(other))
    return mine == other
