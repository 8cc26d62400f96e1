"""The messages of Open Inference Protocol v2 over gRPC, described here instead of generated.

Names, numbers and types of fields are those of the specification (package `inference`), so that its
clients are understood. A separate pool isolates them from the copy that a client library may
have loaded into the same process. Importing this costs a tenth of a second: import it where used.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, cast

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from goldenpath.errors import InvalidInput

PACKAGE = "inference"
_NAMED = {"name": (1, "string"), "version": (2, "string")}
_TYPED = {"name": (1, "string"), "data_type": (2, "int32")}
"""Triton numbers its data types; on the wire such a number is a whole number like others."""
_PARAMETERS = "parameters"
"""The name of the only kind of map: from text to `InferParameter`."""
_DESCRIBED = {"name": (1, "string"), "datatype": (2, "string"), "shape": (3, "int64*")}
_TENSOR = {**_DESCRIBED, _PARAMETERS: (4, "map"), "contents": (5, "InferTensorContents")}
_MESSAGES: Mapping[str, Mapping[str, tuple[int, str]]] = {
    "ServerLiveRequest": {},
    "ServerLiveResponse": {"live": (1, "bool")},
    "ServerReadyRequest": {},
    "ServerReadyResponse": {"ready": (1, "bool")},
    "ModelReadyRequest": _NAMED,
    "ModelReadyResponse": {"ready": (1, "bool")},
    "ServerMetadataRequest": {},
    "ServerMetadataResponse": {**_NAMED, "extensions": (3, "string*")},
    "ModelMetadataRequest": _NAMED,
    "TensorMetadata": _DESCRIBED,
    "ModelMetadataResponse": {
        "name": (1, "string"),
        "versions": (2, "string*"),
        "platform": (3, "string"),
        "inputs": (4, "TensorMetadata*"),
        "outputs": (5, "TensorMetadata*"),
    },
    "RepositoryIndexRequest": {"repository_name": (1, "string"), "ready": (2, "bool")},
    "ModelIndex": {**_NAMED, "state": (3, "string"), "reason": (4, "string")},
    "RepositoryIndexResponse": {"models": (1, "ModelIndex*")},
    "TensorReshape": {"shape": (1, "int64*")},
    "ConfiguredInput": {**_TYPED, "dims": (4, "int64*"), "reshape": (5, "TensorReshape")},
    "ConfiguredOutput": {**_TYPED, "dims": (3, "int64*"), "reshape": (5, "TensorReshape")},
    "ConfiguredModel": {
        "name": (1, "string"),
        "platform": (2, "string"),
        "max_batch_size": (4, "int32"),
        "input": (5, "ConfiguredInput*"),
        "output": (6, "ConfiguredOutput*"),
        "backend": (17, "string"),
    },
    "ModelConfigResponse": {"config": (1, "ConfiguredModel")},
    "InferInputTensor": _TENSOR,
    "InferRequestedOutputTensor": {"name": (1, "string"), _PARAMETERS: (2, "map")},
    "ModelInferRequest": {
        "model_name": (1, "string"),
        "model_version": (2, "string"),
        "id": (3, "string"),
        _PARAMETERS: (4, "map"),
        "inputs": (5, "InferInputTensor*"),
        "outputs": (6, "InferRequestedOutputTensor*"),
        "raw_input_contents": (7, "bytes*"),
    },
    "InferOutputTensor": _TENSOR,
    "ModelInferResponse": {
        "model_name": (1, "string"),
        "model_version": (2, "string"),
        "id": (3, "string"),
        _PARAMETERS: (4, "map"),
        "outputs": (5, "InferOutputTensor*"),
        "raw_output_contents": (6, "bytes*"),
    },
    "InferParameter": {
        "bool_param": (1, "bool"),
        "int64_param": (2, "int64"),
        "string_param": (3, "string"),
        "double_param": (4, "double"),
        "uint64_param": (5, "uint64"),
    },
    "InferTensorContents": {
        "bool_contents": (1, "bool*"),
        "int_contents": (2, "int32*"),
        "int64_contents": (3, "int64*"),
        "uint_contents": (4, "uint32*"),
        "uint64_contents": (5, "uint64*"),
        "fp32_contents": (6, "float*"),
        "fp64_contents": (7, "double*"),
        "bytes_contents": (8, "bytes*"),
    },
}
_CHOICE = {"InferParameter": "parameter_choice"}
"""Messages with at most one field set, and the name of that `oneof`."""


class Parameter(Protocol):
    """The value of a parameter; `WhichOneof` names the field that is set."""

    string_param: str


class InputTensor(Protocol):
    """One input of a request."""

    name: str
    datatype: str
    shape: Sequence[int]
    contents: object


class RequestedOutputMessage(Protocol):
    """An output that the caller requests."""

    name: str


class InferMessage(Protocol):
    """A request for predictions."""

    model_name: str
    model_version: str
    id: str
    parameters: Mapping[str, Parameter]
    inputs: Sequence[InputTensor]
    outputs: Sequence[RequestedOutputMessage]
    raw_input_contents: Sequence[bytes]


class TensorContents(Protocol):
    """The numbers of an output."""

    fp32_contents: Sequence[float]


class OutputTensor(Protocol):
    """One output of an answer."""

    name: str
    datatype: str
    shape: Sequence[int]
    contents: TensorContents


class InferResponse(Protocol):
    """An answer with predictions."""

    model_name: str
    model_version: str
    id: str
    parameters: Mapping[str, Parameter]
    outputs: Sequence[OutputTensor]
    raw_output_contents: Sequence[bytes]


class _Fields(Protocol):
    """Any message, as the library presents it."""

    def ListFields(self) -> Sequence[tuple["_Field", Sequence[object]]]:  # noqa: N802
        """Return the fields that are set."""


class _Field(Protocol):
    name: str


class IndexMessage(Protocol):
    """A request for the models of a server."""

    ready: bool


class NamedMessage(Protocol):
    """A request about a model."""

    name: str
    version: str


def parse_infer(body: bytes) -> InferMessage:
    """Parse a `ModelInferRequest`. Raises `InvalidInput` if it is none."""
    return cast("InferMessage", _parse("ModelInferRequest", body))


def parse_answer(body: bytes) -> InferResponse:
    """Parse a `ModelInferResponse`. Raises `InvalidInput` if it is none."""
    return cast("InferResponse", _parse("ModelInferResponse", body))


def parse_named(body: bytes) -> NamedMessage:
    """Parse any request about a model. Raises `InvalidInput` if it is none."""
    return cast("NamedMessage", _parse("ModelReadyRequest", body))


def parse_index(body: bytes) -> IndexMessage:
    """Parse a `RepositoryIndexRequest`. Raises `InvalidInput` if it is none."""
    return cast("IndexMessage", _parse("RepositoryIndexRequest", body))


def contents_of(tensor: "InputTensor | OutputTensor") -> Mapping[str, Sequence[object]]:
    """The lists of numbers that a tensor holds, by the name of their field."""
    fields = cast("_Fields", tensor.contents).ListFields()
    return {field.name: values for field, values in fields}


def render(name: str, fields: Mapping[str, object]) -> bytes:
    """Return a message as bytes, deterministic for the same fields."""
    content: bytes = _classes[name](**fields).SerializeToString(deterministic=True)
    return content


def text_parameters(values: Mapping[str, str]) -> Mapping[str, object]:
    """Return text parameters in the form for `render`."""
    return {name: _classes["InferParameter"](string_param=value) for name, value in values.items()}


def _parse(name: str, body: bytes) -> object:
    try:
        message: object = _classes[name].FromString(body)
    except DecodeError as error:
        raise InvalidInput(f"the message is no {name}: {error}") from error
    return message


def _describe() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="goldenpath/open_inference.proto", package=PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        if name in _CHOICE:
            message.oneof_decl.add(name=_CHOICE[name])
        for field, (number, kind) in fields.items():
            added = message.field.add(name=field, number=number, label=_label(kind))
            if name in _CHOICE:
                added.oneof_index = 0
            if kind == "map":
                _map(message, added)
            else:
                _type(added, kind.rstrip("*"))
    return file


def _label(kind: str) -> int:
    field = descriptor_pb2.FieldDescriptorProto
    many = kind == "map" or kind.endswith("*")
    label: int = field.LABEL_REPEATED if many else field.LABEL_OPTIONAL
    return label


def _type(field: descriptor_pb2.FieldDescriptorProto, kind: str) -> None:
    if kind in _MESSAGES:
        field.type = field.TYPE_MESSAGE
        field.type_name = f".{PACKAGE}.{kind}"
    else:
        field.type = field.Type.Value(f"TYPE_{kind.upper()}")


def _map(
    message: descriptor_pb2.DescriptorProto, field: descriptor_pb2.FieldDescriptorProto
) -> None:
    """Describe a map, which is a list of pairs with a `map_entry` option."""
    pair = message.nested_type.add(name="ParametersEntry")
    pair.options.map_entry = True
    for number, (name, kind) in enumerate((("key", "string"), ("value", "InferParameter")), 1):
        _type(pair.field.add(name=name, number=number, label=_label(kind)), kind)
    field.type = field.TYPE_MESSAGE
    field.type_name = f".{PACKAGE}.{message.name}.ParametersEntry"


_pool = descriptor_pool.DescriptorPool()
_pool.Add(_describe())
_classes = {
    name: message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))
    for name in _MESSAGES
}
