"""The gRPC calls of Open Inference Protocol v2 for one release: messages in, messages out.

A call comes over gRPC, or as the body of a POST to the same target when the gateway forwards it.
Values go through the same checks as those of the REST form.
"""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, cast

import msgspec

from goldenpath.errors import InvalidInput, NotFound
from goldenpath.project.spec import Contract
from goldenpath.serve.protocol import inference_service, model_repository
from goldenpath.serve.protocol.labels import MOST_SHOWN, text_of
from goldenpath.serve.protocol.open_inference import (
    Form,
    Output,
    Question,
    check_names,
    check_outputs,
)
from goldenpath.serve.protocol.release_identity import SERVER, ReleaseIdentity, describe, outputs_of
from goldenpath.serve.protocol.request_parameters import (
    RequestParameters,
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

if TYPE_CHECKING:
    from goldenpath.serve.protocol.grpc_messages import InferMessage, InputTensor

_FIELDS = {
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BOOL": "bool_contents",
    "BYTES": "bytes_contents",
}
"""The field with the values of a tensor that are not raw bytes, by datatype."""
MOST_DIMENSIONS = 8
"""Largest number of dimensions that is read; valid shapes have one or two."""
_PARAMETERS = frozenset(RequestParameters.__struct_fields__) - {"binary_data_output"}


class Calls:
    """The calls of one release."""

    def __init__(self, identity: ReleaseIdentity, contract: Contract) -> None:
        self._identity = identity
        self._contract = contract
        self._shape = InputShape.of(contract)
        self._description = describe(identity, contract)
        self._configured = model_repository.configuration(identity, contract)
        self._versions = ("", identity.digest, identity.slot)

    def read(self, body: bytes) -> Question:
        """Return the question in a `ModelInferRequest`.

        Raises `InvalidInput` for an invalid request, `NotFound` for another model.
        """
        from goldenpath.serve.protocol.grpc_messages import parse_infer

        request = parse_infer(body)
        self._is_meant(request.model_name, request.model_version)
        # Checked before any object is made: an empty tensor takes only two bytes of a message.
        _bound("inputs", len(request.inputs), len(self._shape.names))
        _bound("outputs", len(request.outputs), len(outputs_of(self._contract)))
        count = len(request.raw_input_contents)
        if count and count != len(request.inputs):
            raise InvalidInput(
                f"raw_input_contents holds {count} tensors: expected {len(request.inputs)}"
            )
        raw = list(request.raw_input_contents)
        tensors = [
            _tensor(tensor, raw[place] if raw else None)
            for place, tensor in enumerate(request.inputs)
        ]
        values, rows = rows_of(tensors, self._shape, b"".join(raw))
        parameters = _parameters(request)
        subjects, context = subjects_of(parameters), request_context(parameters, rows)
        check_names(request.id, subjects, rows)
        names = [output.name for output in request.outputs]
        check_outputs(names, outputs_of(self._contract))
        form: Form = "raw" if raw else "contents"
        outputs = tuple((name, form == "raw") for name in names)
        return Question(values, rows, request.id, subjects, form, outputs, context)

    def answer(self, name: str, body: bytes, *, is_ready: bool) -> bytes:
        """Return the answer to a call that needs no model.

        Raises `InvalidInput` for another message, `NotFound` for another model or call.
        """
        from goldenpath.serve.protocol.grpc_messages import parse_named, render

        answers: Mapping[str, Callable[[], Mapping[str, object]]] = {
            "ServerLive": lambda: {"live": True},
            "ServerReady": lambda: {"ready": is_ready},
            "ModelReady": lambda: {"ready": is_ready},
            "ServerMetadata": lambda: SERVER,
            "ModelMetadata": lambda: self._description,
            "ModelConfig": lambda: {"config": model_repository.as_message(self._configured)},
            inference_service.INDEX: lambda: {"models": self._index(body, is_ready)},
        }
        if name == "ModelStatistics":
            raise NotFound(model_repository.NO_STATISTICS)
        if name not in answers:
            raise NotFound(f"{inference_service.SERVICE} has no call {name[:80]}")
        if name.startswith("Model"):
            named = parse_named(body)
            self._is_meant(named.name, named.version)
        return render(f"{name}Response", answers[name]())

    def render(self, prediction_id: str, question: Question, outputs: Sequence[Output]) -> bytes:
        """Return a `ModelInferResponse`; its numbers are raw bytes if those of the request were."""
        from goldenpath.serve.protocol.grpc_messages import render, text_parameters

        identity = self._identity
        is_raw = question.form == "raw"
        tensors: list[dict[str, object]] = [
            {"name": each.name, "datatype": "FP32", "shape": each.shape} for each in outputs
        ]
        for output, one in zip(outputs, tensors, strict=True):
            if not is_raw:
                one["contents"] = {"fp32_contents": output.values}
        identification = {
            "prediction_id": prediction_id,
            "release": identity.digest,
            "slot": identity.slot,
        }
        fields: dict[str, object] = {
            "model_name": identity.model,
            "model_version": identity.digest,
            "id": question.id or prediction_id,
            "parameters": text_parameters(identification),
            "outputs": tensors,
        }
        if is_raw:
            fields["raw_output_contents"] = [each.raw for each in outputs]
        return render("ModelInferResponse", fields)

    def _index(self, body: bytes, is_ready: bool) -> list[object]:
        from goldenpath.serve.protocol.grpc_messages import parse_index

        ready_only = parse_index(body).ready
        listed = model_repository.index(self._identity, is_ready=is_ready, ready_only=ready_only)
        return [msgspec.to_builtins(each) for each in listed]

    def _is_meant(self, model: str, version: str) -> None:
        if model != self._identity.model:
            raise NotFound(f"model {model[:80]!r} is not served here")
        if version not in self._versions:
            raise NotFound(f"version {version[:80]!r} of {model} is not served here")


def _bound(what: str, number: int, most: int) -> None:
    if number > most:
        raise InvalidInput(f"the request has {number} {what}: expected at most {most}")


def _tensor(tensor: "InputTensor", raw: bytes | None) -> Tensor | LooseTensor:
    """Return an input in the REST form, so that the same checks apply."""
    from goldenpath.serve.protocol.grpc_messages import contents_of

    contents, name = contents_of(tensor), tensor.name[:MOST_SHOWN]
    if len(tensor.shape) > MOST_DIMENSIONS:
        raise InvalidInput(
            f"input {name} has {len(tensor.shape)} dimensions: expected at most {MOST_DIMENSIONS}"
        )
    shape = list(tensor.shape)
    if raw is not None:
        if contents:
            raise InvalidInput(f"input {name} has both contents and raw_input_contents")
        size = TensorParameters(binary_data_size=len(raw))
        return LooseTensor(tensor.name, shape, tensor.datatype, None, size)
    field = _FIELDS.get(tensor.datatype)
    others = sorted(contents.keys() - {field})
    if others:
        raise InvalidInput(
            f"input {name} of datatype {tensor.datatype[:20]} has {', '.join(others)}: "
            f"expected {field or 'raw_input_contents'}"
        )
    values = contents.get(field, ()) if field else ()
    if len(values) != prod(shape):
        raise InvalidInput(f"input {name} has {len(values)} values: expected {prod(shape)}")
    if field == "bytes_contents":
        texts = [text_of(each) for each in cast("Sequence[bytes]", values)]
        return LooseTensor(tensor.name, shape, tensor.datatype, texts)
    # The field fixes the type of its values, so no value needs its own check.
    return Tensor(tensor.name, shape, tensor.datatype, list(cast("Sequence[float]", values)))


def _parameters(request: "InferMessage") -> RequestParameters:
    """Return the known parameters, all of them texts: parameters of messages have no lists."""
    given = request.parameters
    texts = {name: given[name].string_param for name in _PARAMETERS if name in given}
    try:
        return msgspec.convert(texts, RequestParameters)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"a parameter is wrong: {error}") from error
