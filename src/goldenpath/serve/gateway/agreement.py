"""Agreement of two answers to one request, in any of their forms.

The answers of a shadow or a pair are compared by value. Release, slot and framing differ by design.
Reasons may differ too, because not every release gives them. The forms are the JSON of the
protocol, its binary tensors, decisions on rows, and gRPC messages.
"""

import json
import re
from array import array
from collections.abc import Mapping
from math import isnan

from goldenpath.errors import InvalidInput
from goldenpath.http.messages.answer import Answer

TOLERANCE = 1e-6
_TYPE = re.compile(rb"\r\ncontent-type:[ \t]*([^;\r]*)", re.IGNORECASE)
_JSON_LENGTH = re.compile(
    rb"\r\ninference-header-content-length:[ \t]*([0-9]{1,12})", re.IGNORECASE
)
_MESSAGE = b"application/proto"

_OTHER_FORM = (
    ArithmeticError, AttributeError, KeyError, TypeError, ValueError, RecursionError, InvalidInput,
)  # fmt: skip
"""Errors raised by reading an answer in an unknown form."""


def agree(live: Answer, shadow: Answer) -> bool:
    """Return whether two answers to one request have the same outputs, up to rounding."""
    if live.status != shadow.status:
        return False
    try:
        mine, other = _outputs(live), _outputs(shadow)
        both = mine.keys() & other.keys()
        return bool(both) and all(_close(mine[name], other[name]) for name in both)
    except _OTHER_FORM:
        return live.body == shadow.body


def _outputs(answer: Answer) -> Mapping[str, object]:
    """Return outputs or decisions by name. Raises one of `_UNREADABLE` for another form."""
    content_type = _TYPE.search(answer.head)
    if content_type is not None and content_type[1].strip().lower() == _MESSAGE:
        return _message(answer.body)
    length = _JSON_LENGTH.search(answer.head)
    if length is not None:
        return _binary(answer.body, int(length[1]))
    whole = json.loads(answer.body)
    if "decisions" in whole:
        return {"decisions": [each | {"reasons": None} for each in whole["decisions"]]}
    return {each["name"]: [each.get("shape"), each["data"]] for each in whole["outputs"]}


def _binary(body: bytes, length: int) -> Mapping[str, object]:
    """Read JSON, followed by the values of each output that has a size instead of data."""
    outputs, place = {}, length
    for output in json.loads(body[:length])["outputs"]:
        values = output.get("data")
        if values is None:
            end = place + output["parameters"]["binary_data_size"]
            values = _values(output["datatype"], body[place:end])
            place = end
        outputs[output["name"]] = [output["shape"], values]
    return outputs


def _message(body: bytes) -> Mapping[str, object]:
    """Return the outputs of a gRPC message. The first one loads the library: 5 MB and 0.05 s."""
    from goldenpath.serve.protocol.grpc_messages import contents_of, parse_answer

    answer = parse_answer(body)
    raw = iter(answer.raw_output_contents)
    outputs: dict[str, object] = {}
    for output in answer.outputs:
        typed = [list(values) for values in contents_of(output).values()]
        values = typed[0] if typed else _values(output.datatype, next(raw, b""))
        outputs[output.name] = [list(output.shape), values]
    return outputs


def _values(datatype: str, raw: bytes) -> object:
    """Return 32-bit or 64-bit little-endian numbers; bytes for any other datatype."""
    if datatype not in ("FP32", "FP64"):
        return raw
    return array("f" if datatype == "FP32" else "d", raw).tolist()


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
