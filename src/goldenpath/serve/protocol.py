"""Open Inference Protocol v2, REST: requests and answers as bytes, no I/O.

Specification: the required API, and the extension `binary_tensor_data`.
"""

from typing import Literal

import msgspec

from goldenpath.errors import InvalidInput
from goldenpath.serve.flat import IS_AVAILABLE, FlatReader
from goldenpath.serve.model import Doubles, Rows, Scores
from goldenpath.serve.tensors import InputShape, LooseTensor, Tensor, TensorParameters, rows_of

MOST_SUBJECT = 256
"""Characters of the longest subject or request id."""


class RequestedOutput(msgspec.Struct):
    """An output that the caller wants, and how."""

    name: str
    parameters: TensorParameters | None = None


class RequestParameters(msgspec.Struct):
    """Parameters of a request that mean something here; others are let through."""

    subjects: list[str] | None = None
    binary_data_output: bool = False


class InferRequest(msgspec.Struct):
    """The JSON of a request as most clients send it."""

    inputs: list[Tensor]
    id: str = ""
    parameters: RequestParameters | None = None
    outputs: list[RequestedOutput] | None = None


class LooseInferRequest(msgspec.Struct):
    """The same with nested or missing numbers."""

    inputs: list[LooseTensor]
    id: str = ""
    parameters: RequestParameters | None = None
    outputs: list[RequestedOutput] | None = None


Form = Literal["json", "binary", "tabular", "contents", "raw"]
"""How values came: three forms of REST, two of messages."""


class Question(msgspec.Struct, eq=False):
    """What a request asks, whatever form it came in."""

    values: list[float] | Rows | Doubles
    """Flat, or of shape `(rows, features)`."""
    rows: int
    id: str
    subjects: list[str] | None
    form: Form


_strict = msgspec.json.Decoder(InferRequest)
_loose = msgspec.json.Decoder(LooseInferRequest)
_encode = msgspec.json.encode


class Reader:
    """Parses requests for one model."""

    def __init__(self, shape: InputShape, output: str, *, flat: bool = IS_AVAILABLE) -> None:
        """Without `flat` the general reader reads everything."""
        self._shape = shape
        self._flat = FlatReader(shape) if flat else None
        self._output = output

    def read(self, body: bytes, json_length: int | None) -> Question:
        """The question in a body; `json_length` bytes of it are JSON, all if None.

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
        parameters = request.parameters
        subjects = parameters.subjects if parameters else None
        if subjects is not None or request.id:
            check_names(request.id, subjects, rows)
        wants_binary = parameters is not None and parameters.binary_data_output
        if request.outputs:
            wants_binary = self._wanted(request.outputs, wants_binary)
        return Question(values, rows, request.id, subjects, "binary" if wants_binary else "json")

    def _wanted(self, outputs: list[RequestedOutput], default: bool) -> bool:
        check_outputs([output.name for output in outputs], self._output)
        parameters = outputs[0].parameters
        if parameters is None or parameters.binary_data is None:
            return default
        return parameters.binary_data


def check_outputs(names: list[str], output: str) -> None:
    """Raises `InvalidInput` if something else than the one output is asked for."""
    for name in names:
        if name != output:
            raise InvalidInput(f"output {name[:80]!r} does not exist: expected {output!r}")
    if len(names) > 1:
        raise InvalidInput(f"output {output} is asked for {len(names)} times")


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


class Writer:
    """Renders answers of one release; everything that never changes is rendered once."""

    def __init__(self, *, model: str, version: str, slot: str, output: str) -> None:
        self._parameters = (
            b',"parameters":{"release":' + _encode(version) + b',"slot":' + _encode(slot)
        )
        self._start = b'{"model_name":' + _encode(model) + b',"model_version":' + _encode(version)
        self._output = b'"},"outputs":[{"name":' + _encode(output) + b',"datatype":"FP32","shape":['

    def json(self, prediction_id: bytes, request_id: str, scores: list[float]) -> bytes:
        """An answer with its numbers in JSON."""
        return b'%b%d],"data":%b}]}' % (
            self._head(prediction_id, request_id),
            len(scores),
            _encode(scores),
        )

    def binary(self, prediction_id: bytes, request_id: str, scores: Scores) -> tuple[bytes, bytes]:
        """An answer with its numbers as bytes: the JSON and what follows it."""
        raw = scores.astype("<f4").tobytes()
        head = self._head(prediction_id, request_id)
        return (
            b'%b%d],"parameters":{"binary_data_size":%d}}]}' % (head, len(scores), len(raw)),
            raw,
        )

    def _head(self, prediction_id: bytes, request_id: str) -> bytes:
        name = _encode(request_id) if request_id else b'"' + prediction_id + b'"'
        return b'%b,"id":%b%b,"prediction_id":"%b%b' % (
            self._start,
            name,
            self._parameters,
            prediction_id,
            self._output,
        )
