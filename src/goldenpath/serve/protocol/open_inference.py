"""Open Inference Protocol v2, REST: requests and answers as bytes, no I/O.

Specification: the required API, and the extension `binary_tensor_data`.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from goldenpath.canonical import refuse_repeated_keys
from goldenpath.errors import InvalidInput
from goldenpath.serve.model.model import Doubles, Rows, Scores
from goldenpath.serve.protocol.flat_tensors import IS_AVAILABLE, FlatReader
from goldenpath.serve.protocol.request_context import RequestContext
from goldenpath.serve.protocol.request_parameters import (
    RequestParameters,
    keys_of,
    request_context,
    subjects_of,
)
from goldenpath.serve.protocol.tensors import (
    InputShape,
    LooseTensor,
    Tensor,
    TensorParameters,
    rows_of,
)

MOST_SUBJECT = 256
"""Characters of the longest subject or request id."""


class RequestedOutput(msgspec.Struct):
    """An output that the caller requests, and its form."""

    name: str
    parameters: TensorParameters | None = None


class InferRequest(msgspec.Struct):
    """The JSON of a request as most clients send it."""

    inputs: list[Tensor]
    id: str = ""
    parameters: RequestParameters | None = None
    outputs: list[RequestedOutput] | None = None


class LooseInferRequest(msgspec.Struct):
    """The JSON of a request with nested or missing numbers."""

    inputs: list[LooseTensor]
    id: str = ""
    parameters: RequestParameters | None = None
    outputs: list[RequestedOutput] | None = None


Form = Literal["json", "binary", "tabular", "contents", "raw"]
"""The form of the values: three of REST, two of gRPC messages."""


Wanted = tuple[str, bool]
"""The name of an output, and whether it is requested in binary."""


class Question(msgspec.Struct, eq=False):
    """The question in a request, independent of its form."""

    values: list[float] | Rows | Doubles
    """Flat, or of shape `(rows, features)`."""
    rows: int
    id: str
    subjects: list[str] | None
    form: Form
    outputs: tuple[Wanted, ...] = ()
    """The requested outputs; empty: all of them, in the form of `form`."""
    context: RequestContext | None = None


class Output(msgspec.Struct):
    """A tensor of an answer: 32-bit floats, row-major."""

    name: str
    shape: list[int]
    values: list[float]
    raw: bytes


_strict = msgspec.json.Decoder(InferRequest)
_loose = msgspec.json.Decoder(LooseInferRequest)
_encode = msgspec.json.encode


class Reader:
    """Parses requests for one model."""

    def __init__(
        self, shape: InputShape, outputs: Sequence[str], *, flat: bool = IS_AVAILABLE
    ) -> None:
        """Without `flat` the general parser reads everything."""
        self._shape = shape
        self._flat = FlatReader(shape) if flat else None
        self._outputs = outputs

    def read(self, body: bytes, json_length: int | None) -> Question:
        """Return the question in a body; `json_length` bytes of it are JSON, all if None.

        Raises `InvalidInput` for anything that is not a request.
        """
        binary = b""
        if json_length is None:
            flat = self._flat.read(body) if self._flat else None
            if flat is not None:
                check_names(flat[1], None, len(flat[0]))
                return Question(flat[0], len(flat[0]), flat[1], None, "json")
        else:
            if not 0 < json_length <= len(body):
                raise InvalidInput(
                    f"inference-header-content-length is {json_length}: "
                    f"expected 1 to {len(body)}, the length of the body"
                )
            body, binary = body[:json_length], body[json_length:]
        request = _parse(body)
        values, rows = rows_of(request.inputs, self._shape, binary)
        # Most requests are one tensor in JSON, with five keys, and have no id. The others are read
        # again, which takes memory, so only after everything else that could refuse them.
        if body.count(b":") > 5:
            refuse_repeated_keys(body, _keys(request), "the body")
        parameters = request.parameters
        subjects = subjects_of(parameters) if parameters else None
        if subjects is not None or request.id:
            check_names(request.id, subjects, rows)
        context = request_context(parameters, rows) if parameters else None
        binary_wanted = parameters is not None and parameters.binary_data_output
        outputs: tuple[Wanted, ...] = ()
        if request.outputs:
            outputs = self._wanted(request.outputs, binary_wanted)
            binary_wanted = any(is_binary for _, is_binary in outputs)
        form: Form = "binary" if binary_wanted else "json"
        return Question(values, rows, request.id, subjects, form, outputs, context)

    def _wanted(self, outputs: list[RequestedOutput], default: bool) -> tuple[Wanted, ...]:
        check_outputs([output.name for output in outputs], self._outputs)
        chosen = [each.parameters.binary_data if each.parameters else None for each in outputs]
        return tuple(
            (each.name, default if binary is None else binary)
            for each, binary in zip(outputs, chosen, strict=True)
        )


def check_outputs(names: list[str], outputs: Sequence[str]) -> None:
    """Raises `InvalidInput` for an unknown output, or one that is requested twice."""
    for name in names:
        if name not in outputs:
            expected = " or ".join(map(repr, outputs))
            raise InvalidInput(f"output {name[:80]!r} does not exist: expected {expected}")
        if names.count(name) > 1:
            raise InvalidInput(f"output {name} is asked for {names.count(name)} times")


def check_names(request_id: str, subjects: list[str] | None, rows: int) -> None:
    """Raises `InvalidInput` if the id is too long or the subjects are not one per row."""
    if len(request_id) > MOST_SUBJECT:
        raise InvalidInput(f"id is too long: expected at most {MOST_SUBJECT} characters")
    if subjects is None:
        return
    if len(subjects) != rows:
        raise InvalidInput(f"parameters.subjects has {len(subjects)} names: expected {rows}")
    if max(map(len, subjects)) > MOST_SUBJECT:
        raise InvalidInput(f"a subject is too long: expected at most {MOST_SUBJECT} characters")


def _parse(body: bytes) -> InferRequest | LooseInferRequest:
    try:
        return _strict.decode(body)
    except msgspec.ValidationError:
        # Nested or missing numbers, or a fault that the second decoder names.
        return _parse_loose(body)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the body is not JSON: {error}") from error


def _parse_loose(body: bytes) -> LooseInferRequest:
    try:
        return _loose.decode(body)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the body is not an inference request: {error}") from error


def _keys(request: InferRequest | LooseInferRequest) -> int:
    """Return the fewest keys that the body of this request has."""
    keys = 1 + bool(request.id)
    if request.parameters is not None:
        keys += 1 + keys_of(request.parameters)
    for tensor in request.inputs:
        has_data = bool(tensor.data) if isinstance(tensor, Tensor) else tensor.data is not None
        keys += 3 + has_data + _tensor_keys(tensor.parameters)
    if request.outputs is not None:
        keys += 1 + sum(1 + _tensor_keys(each.parameters) for each in request.outputs)
    return keys


def _tensor_keys(parameters: TensorParameters | None) -> int:
    if parameters is None:
        return 0
    values = (parameters.binary_data_size, parameters.binary_data)
    return 1 + sum(value is not None for value in values)


class Writer:
    """A renderer of the answers of one release; constant parts are rendered once."""

    def __init__(self, *, model: str, version: str, slot: str, output: str) -> None:
        self._parameters = (
            b',"parameters":{"release":' + _encode(version) + b',"slot":' + _encode(slot)
        )
        self._start = b'{"model_name":' + _encode(model) + b',"model_version":' + _encode(version)
        self._first = b'[{"name":' + _encode(output) + b',"datatype":"FP32","shape":['
        self._output = b'"},"outputs":' + self._first

    def json(self, prediction_id: bytes, request_id: str, scores: list[float]) -> bytes:
        """Return an answer with its numbers in JSON."""
        return b'%b%d],"data":%b}]}' % (
            self._head(prediction_id, request_id),
            len(scores),
            _encode(scores),
        )

    def binary(self, prediction_id: bytes, request_id: str, scores: Scores) -> tuple[bytes, bytes]:
        """Return an answer with its numbers as bytes: the JSON and the bytes after it."""
        raw = scores.astype("<f4").tobytes()
        head = self._head(prediction_id, request_id)
        return (
            b'%b%d],"parameters":{"binary_data_size":%d}}]}' % (head, len(scores), len(raw)),
            raw,
        )

    def several(
        self, prediction_id: bytes, request_id: str, outputs: Sequence[tuple[Output, bool]]
    ) -> tuple[bytes, bytes]:
        """Return an answer with any outputs, JSON or binary: the JSON and the bytes after it."""
        tensors, raw = [], b""
        for output, is_binary in outputs:
            one: dict[str, object] = {
                "name": output.name,
                "datatype": "FP32",
                "shape": output.shape,
            }
            if is_binary:
                one["parameters"] = {"binary_data_size": len(output.raw)}
                raw += output.raw
            else:
                one["data"] = output.values
            tensors.append(one)
        head = self._head(prediction_id, request_id).removesuffix(self._first)
        return b"%b%b}" % (head, _encode(tensors)), raw

    def _head(self, prediction_id: bytes, request_id: str) -> bytes:
        name = _encode(request_id) if request_id else b'"' + prediction_id + b'"'
        return b'%b,"id":%b%b,"prediction_id":"%b%b' % (
            self._start,
            name,
            self._parameters,
            prediction_id,
            self._output,
        )
