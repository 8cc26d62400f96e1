"""Every message of the service of the Open Inference Protocol, byte by byte, over gRPC.

Source: `inference_grpc.md` and `open_inference_grpc.proto` of kserve/open-inference-protocol, and
the example of KServe's documentation. Requests are written here by the numbers of their fields and
not with our own description of them, and so are the answers where nothing in them is random.
"""

import struct
from collections.abc import Iterator, Mapping

import grpc
import numpy as np
import pytest

from goldenpath.serve.protocol import grpc_messages
from goldenpath.version import __version__
from tests.serve.conformance import IRIS, Served, scores, served

SERVICE = "/inference.GRPCInferenceService/"
RIGHT = scores("two", [[1, 1], [2, 0], [3, 1]])


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("two"), "two") as found:
        yield found


def _call(server: Served, name: str, message: bytes = b"") -> bytes:
    with grpc.insecure_channel(server.grpc) as channel:
        return bytes(channel.unary_unary(SERVICE + name)(message, timeout=20))


def _refused(server: Served, name: str, message: bytes) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as error:
        _call(server, name, message)
    return error.value.code(), error.value.details()


def _field(number: int, content: bytes | str) -> bytes:
    """A field that has a length: text, bytes, a message, or numbers one after the other."""
    raw = content.encode() if isinstance(content, str) else content
    assert len(raw) < 16384
    size = bytes([len(raw)]) if len(raw) < 128 else bytes([len(raw) & 127 | 128, len(raw) >> 7])
    return bytes([number << 3 | 2]) + size + raw


def _shape(*sizes: int) -> bytes:
    """`repeated int64`, of which -1 takes ten bytes."""
    minus_one = b"\xff" * 9 + b"\x01"
    return b"".join(minus_one if size < 0 else bytes([size]) for size in sizes)


TRUE = b"\x08\x01"
"""Field 1 of type bool."""


# inference_grpc.md, "Health".


def test_health_is_a_truth_in_the_first_field(two: Served) -> None:
    assert _call(two, "ServerLive") == TRUE
    assert _call(two, "ServerReady") == TRUE
    assert _call(two, "ModelReady", _field(1, "mymodel")) == TRUE
    assert _call(two, "ModelReady", _field(1, "mymodel") + _field(2, two.digest)) == TRUE
    assert _refused(two, "ModelReady", _field(1, "other"))[0] == grpc.StatusCode.NOT_FOUND


# inference_grpc.md, "Server Metadata" and "Model Metadata".


def test_metadata_have_the_fields_of_the_specification(two: Served) -> None:
    assert _call(two, "ServerMetadata") == (
        _field(1, "goldenpath") + _field(2, __version__) + _field(3, "binary_tensor_data")
    )
    taken = _field(1, "input") + _field(2, "FP32") + _field(3, _shape(-1, 2))
    given = _field(1, "output0") + _field(2, "FP32") + _field(3, _shape(-1))
    told = (
        _field(1, "mymodel")
        + _field(2, two.digest)
        + _field(3, "onnx_onnxv1")
        + _field(4, taken)
        + _field(5, given)
    )
    assert _call(two, "ModelMetadata", _field(1, "mymodel")) == told
    assert _call(two, "ModelMetadata", _field(1, "mymodel") + _field(2, two.digest)) == told
    for request in (_field(1, "other"), _field(1, "mymodel") + _field(2, "9")):
        assert _refused(two, "ModelMetadata", request)[0] == grpc.StatusCode.NOT_FOUND


# inference_grpc.md, "Inference": ModelInferRequest with the inputs of the example of the REST form.


def _input(name: str, datatype: str, contents: bytes = b"") -> bytes:
    tensor = _field(1, name) + _field(2, datatype) + _field(3, _shape(3))
    return _field(5, tensor + (_field(5, contents) if contents else b""))


def _request(*inputs: bytes, raw: tuple[bytes, ...] = ()) -> bytes:
    """Model, version, id, a parameter, inputs, the output that is wanted, and raw contents."""
    parameter = _field(1, "text") + _field(2, _field(3, "a"))
    start = _field(1, "mymodel") + _field(3, "42") + _field(4, parameter)
    return (
        start
        + b"".join(inputs)
        + _field(6, _field(1, "output0"))
        + b"".join(_field(7, each) for each in raw)
    )


UINT = _field(4, bytes([1, 2, 3]))
BOOL = _field(1, bytes([1, 0, 1]))


def test_the_example_is_answered_in_the_form_of_its_contents(two: Served) -> None:
    request = _request(_input("input0", "UINT32", UINT), _input("input1", "BOOL", BOOL))

    answer = grpc_messages.parse_answer(_call(two, "ModelInfer", request))

    assert (answer.model_name, answer.model_version) == ("mymodel", two.digest)
    assert answer.id == "42"
    (output,) = answer.outputs
    assert (output.name, output.datatype, list(output.shape)) == ("output0", "FP32", [3])
    assert output.contents.fp32_contents == pytest.approx(RIGHT, abs=1e-6)
    assert not answer.raw_output_contents


def test_the_example_is_answered_raw_where_it_is_raw(two: Served) -> None:
    raw = (struct.pack("<3I", 1, 2, 3), b"\x01\x00\x01")
    request = _request(_input("input0", "UINT32"), _input("input1", "BOOL"), raw=raw)

    body = _call(two, "ModelInfer", request)

    answer = grpc_messages.parse_answer(body)
    assert np.frombuffer(answer.raw_output_contents[0], "<f4") == pytest.approx(RIGHT, abs=1e-6)
    # "If this field is specified then InferOutputTensor::contents must not be specified."
    assert not answer.outputs[0].contents.fp32_contents
    assert body.endswith(_field(6, answer.raw_output_contents[0]))


# open_inference_grpc.proto, InferTensorContents: the field for each datatype, and its number.

CONTENTS: Mapping[str, bytes] = {
    "INT8": _field(2, bytes([1, 2, 3])),
    "INT16": _field(2, bytes([1, 2, 3])),
    "INT32": _field(2, bytes([1, 2, 3])),
    "INT64": _field(3, bytes([1, 2, 3])),
    "UINT8": UINT,
    "UINT16": UINT,
    "UINT32": UINT,
    "UINT64": _field(5, bytes([1, 2, 3])),
    "FP32": _field(6, struct.pack("<3f", 1, 2, 3)),
    "FP64": _field(7, struct.pack("<3d", 1, 2, 3)),
}


@pytest.mark.parametrize("datatype", CONTENTS)
def test_every_datatype_has_its_field(two: Served, datatype: str) -> None:
    texts = _field(8, "yes") + _field(8, "no") + _field(8, "yes")
    tensor = _input("input0", datatype, CONTENTS[datatype])

    answer = _call(two, "ModelInfer", _request(tensor, _input("input1", "BYTES", texts)))

    found = grpc_messages.parse_answer(answer).outputs[0].contents.fp32_contents
    assert found == pytest.approx(RIGHT, abs=1e-6)


# open_inference_grpc.proto: "the FP16 and BF16 data types must be represented as raw content";
# "for each tensor, the size of this content must match what is expected by the tensor's shape";
# "if this field is specified then InferInputTensor::contents must not be specified for any".

_TRUTHS = _input("input1", "BOOL", BOOL)
FAULTS = {
    "FP16 as numbers": _request(_input("input0", "FP16", CONTENTS["FP32"]), _TRUTHS),
    "BF16 as numbers": _request(_input("input0", "BF16", CONTENTS["FP32"]), _TRUTHS),
    "another field": _request(_input("input0", "INT64", UINT), _TRUTHS),
    "too few values": _request(_input("input0", "UINT32", _field(4, b"\x01")), _TRUTHS),
    "raw of another size": _request(
        _input("input0", "UINT32"), _input("input1", "BOOL"), raw=(b"\0" * 11, b"\0" * 3)
    ),
    "raw for one of two": _request(
        _input("input0", "UINT32"), _input("input1", "BOOL"), raw=(b"\0" * 12,)
    ),
    "raw and contents": _request(
        _input("input0", "UINT32", UINT), _input("input1", "BOOL"), raw=(b"\0" * 12, b"\0" * 3)
    ),
    "no such output": _request(_input("input0", "UINT32", UINT), _TRUTHS)
    + _field(6, _field(1, "output9")),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_the_specification_forbids_is_a_status(two: Served, fault: str) -> None:
    code, message = _refused(two, "ModelInfer", FAULTS[fault])

    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert message


def test_raw_halves_are_taken_as_the_specification_wants_them(two: Served) -> None:
    halves = np.array([1, 2, 3], "<f2").tobytes()
    request = _request(
        _input("input0", "FP16"), _input("input1", "BOOL"), raw=(halves, b"\x01\x00\x01")
    )

    answer = grpc_messages.parse_answer(_call(two, "ModelInfer", request))

    assert np.frombuffer(answer.raw_output_contents[0], "<f4") == pytest.approx(RIGHT, abs=1e-6)


# KServe, "Test the deployed model with grpcurl": ServerReady, and iris-input-v2-grpc.json, whose
# JSON is that of the message.


def test_the_iris_example_is_answered(tmp_path_factory: pytest.TempPathFactory) -> None:
    flat = [value for row in IRIS for value in row]
    tensor = {
        "name": "input-0",
        "shape": [2, 4],
        "datatype": "FP32",
        "contents": {"fp32_contents": flat},
    }
    request = {"model_name": "sklearn-v2-iris", "inputs": [tensor]}

    with served(tmp_path_factory.mktemp("iris"), "iris") as iris:
        assert _call(iris, "ServerReady") == TRUE
        body = _call(iris, "ModelInfer", grpc_messages.render("ModelInferRequest", request))

    answer = grpc_messages.parse_answer(body)
    assert (answer.model_name, bool(answer.id)) == ("sklearn-v2-iris", True)
    (output,) = answer.outputs
    assert list(output.shape) == [2]
    assert output.contents.fp32_contents == pytest.approx(scores("iris", IRIS), abs=1e-6)
