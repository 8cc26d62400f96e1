"""The examples and demands of the Open Inference Protocol and of KServe's documentation, over REST.

Sources, each named beside its test: `inference_rest.md` and `open_inference_rest.yaml` of the
repository kserve/open-inference-protocol; `required_api.md` of kserve/kserve; pages of
kserve/website; `extension_binary_data.md` of triton-inference-server/server. What was adapted to
tables of rows is said in `conformance.py`.
"""

import json
from collections.abc import Iterator

import numpy as np
import pytest

from goldenpath.version import __version__
from tests.serve.conformance import IRIS, WINE, Served, scores, served, weights
from tests.serve.running import Answer

Request = dict[str, object]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("two"), "two") as found:
        yield found


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("three"), "three") as found:
        yield found


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("iris"), "iris") as found:
        yield found


def _json(answer: Answer) -> dict[str, object]:
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    return answer.json()


# inference_rest.md, "Server Live", "Server Ready", "Model Ready".


def test_health_is_said_with_status_and_body(two: Served) -> None:
    assert _json(two.get("/v2/health/live")) == {"live": True}
    # The specification names the field "live" here, too; KServe's page and its servers "ready".
    assert _json(two.get("/v2/health/ready")) == {"ready": True, "live": True}
    for path in ("", f"/versions/{two.digest}"):
        ready = _json(two.get(f"/v2/models/mymodel{path}/ready"))
        assert ready == {"name": "mymodel", "ready": True}


# inference_rest.md, "Server Metadata"; open_inference_rest.yaml has the path as /v2/.


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_the_server_says_what_it_is(two: Served, path: str) -> None:
    assert _json(two.get(path)) == {
        "name": "goldenpath",
        "version": __version__,
        "extensions": ["binary_tensor_data"],
    }


# inference_rest.md, "Model Metadata"; required_api.md, "Platforms"; KServe, "Model Metadata
# Example".


def test_the_model_says_what_it_takes_and_gives(three: Served) -> None:
    for path in ("/v2/models/mymodel", f"/v2/models/mymodel/versions/{three.digest}"):
        told = _json(three.get(path))
        del told["goldenpath"]
        assert told == {
            "name": "mymodel",
            "versions": [three.digest],
            "platform": "onnx_onnxv1",
            "inputs": [{"name": "input", "datatype": "FP32", "shape": [-1, 3]}],
            "outputs": [
                {"name": "output0", "datatype": "FP32", "shape": [-1]},
                {"name": "output1", "datatype": "FP32", "shape": [-1, 3]},
            ],
        }


# inference_rest.md, "Inference Request Examples"; KServe, "Inference Example", which has three
# values of BOOL where the specification has one for the shape [3].

EXAMPLE = b"""{
  "id" : "42",
  "inputs" : [
    {
      "name" : "input0",
      "shape" : [ 3 ],
      "datatype" : "UINT32",
      "data" : [ 1, 2, 3 ]
    },
    {
      "name" : "input1",
      "shape" : [ 3 ],
      "datatype" : "BOOL",
      "data" : [ true, false, true ]
    }
  ],
  "outputs" : [
    {
      "name" : "output0"
    }
  ]
}"""
RIGHT = scores("two", [[1, 1], [2, 0], [3, 1]])


def test_the_example_is_answered(two: Served) -> None:
    told = _json(two.infer(EXAMPLE))

    assert told["id"] == "42"
    assert told["model_name"] == "mymodel"
    (output,) = _outputs(told)
    assert {key: output[key] for key in ("name", "shape", "datatype")} == {
        "name": "output0",
        "shape": [3],
        "datatype": "FP32",
    }
    assert output["data"] == pytest.approx(RIGHT, abs=1e-6)


def test_a_version_may_be_asked_for_and_is_told(two: Served) -> None:
    start = f"POST /v2/models/mymodel/versions/{two.digest}/infer HTTP/1.1\nHost: localhost:8000"

    told = _json(two.send(f"{start}\nContent-Type: application/json", EXAMPLE))

    assert told["model_version"] == two.digest


def test_without_an_id_one_is_made_and_without_outputs_all_are_given(three: Served) -> None:
    # "Optional, if not specified all outputs produced by the model will be returned."
    told = _json(three.infer({"inputs": _three(1, 2, True)}))

    assert [each["name"] for each in _outputs(told)] == ["output0", "output1"]
    assert told["id"]


def _three(first: float, second: float, third: bool) -> list[Request]:
    return [
        {"name": "input0", "shape": [1], "datatype": "FP32", "data": [first]},
        {"name": "input1", "shape": [1], "datatype": "INT16", "data": [second]},
        {"name": "input2", "shape": [1], "datatype": "BOOL", "data": [third]},
    ]


def _outputs(told: dict[str, object]) -> list[dict[str, object]]:
    outputs = told["outputs"]
    assert isinstance(outputs, list)
    return outputs


# required_api.md, "Tensor Data": the matrix [1 2; 4 5] "in its natural format" and "flattened".
# Its second column are truths here.


@pytest.mark.parametrize("data", [[[1, 0], [4, 1]], [1, 0, 4, 1]])
def test_a_matrix_comes_in_its_natural_format_or_flattened(two: Served, data: object) -> None:
    tensor = {"name": "input", "shape": [2, 2], "datatype": "UINT8", "data": data}

    (output,) = _outputs(_json(two.infer({"inputs": [tensor]})))

    assert output["data"] == pytest.approx(scores("two", [[1, 0], [4, 1]]), abs=1e-6)


# required_api.md, "Parameters": "name" : $string | $number | $boolean, on request, input, output.


def test_parameters_that_mean_nothing_here_are_let_through(two: Served) -> None:
    request = json.loads(EXAMPLE)
    for place in (request, request["inputs"][0], request["outputs"][0]):
        place["parameters"] = {"text": "a", "number": 1.5, "truth": True}

    (output,) = _outputs(_json(two.infer(request)))

    assert output["data"] == pytest.approx(RIGHT, abs=1e-6)


# inference_rest.md: "must be indicated by an HTTP error status (typically 400)"; "The HTTP body
# must contain the … error object". required_api.md: "All strings in all contexts are
# case-sensitive."

_INPUT0, _INPUT1 = json.loads(EXAMPLE)["inputs"]
FAULTS: dict[str, object] = {
    "not JSON": b"{",
    "no inputs": {"id": "42"},
    "an input is missing": {"inputs": [_INPUT0]},
    "an input is twice there": {"inputs": [_INPUT0, _INPUT0, _INPUT1]},
    "too few values, as in the specification": {"inputs": [_INPUT0, _INPUT1 | {"data": [True]}]},
    "no unsigned dimension": {"inputs": [_INPUT0 | {"shape": [-3]}, _INPUT1]},
    "another case": {"inputs": [_INPUT0 | {"datatype": "uint32"}, _INPUT1]},
    "another case of a name": {"inputs": [_INPUT0 | {"name": "Input0"}, _INPUT1]},
    "no datatype": {"inputs": [{"name": "input0", "shape": [3], "data": [1, 2, 3]}, _INPUT1]},
    "a text where numbers belong": {"inputs": [_INPUT0 | {"data": ["1", "2", "3"]}, _INPUT1]},
    "no such output": {"inputs": [_INPUT0, _INPUT1], "outputs": [{"name": "output9"}]},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_fails_is_said_with_a_status_and_an_error_object(two: Served, fault: str) -> None:
    answer = two.infer(FAULTS[fault])

    assert answer.status in (400, 422)
    assert list(answer.json()) == ["error"] and answer.error


@pytest.mark.parametrize(
    "path", ["/v2/models/other", "/v2/models/mymodel/versions/9", "/v2/models/other/ready", "/v2/x"]
)
def test_metadata_of_nothing_are_an_error_object(two: Served, path: str) -> None:
    answer = two.get(path)

    assert answer.status == 404
    assert list(answer.json()) == ["error"] and answer.error


# extension_binary_data.md, "Examples": 12 + 3 bytes behind the JSON, here as there little-endian.


def test_the_binary_example_is_answered_in_binary(two: Served) -> None:
    request = {
        "model_name": "mymodel",
        "inputs": [
            {
                "name": "input0",
                "shape": [3],
                "datatype": "UINT32",
                "parameters": {"binary_data_size": 12},
            },
            {
                "name": "input1",
                "shape": [3],
                "datatype": "BOOL",
                "parameters": {"binary_data_size": 3},
            },
        ],
        "outputs": [{"name": "output0", "parameters": {"binary_data": True}}],
    }

    answer = two.infer(request, np.array([1, 2, 3], "<u4").tobytes() + b"\x01\x00\x01")

    told, raw = _split(answer)
    (output,) = _outputs(told)
    assert "data" not in output
    assert output["parameters"] == {"binary_data_size": 12}
    assert np.frombuffer(raw, "<f4") == pytest.approx(RIGHT, abs=1e-6)


def _split(answer: Answer) -> tuple[dict[str, object], bytes]:
    """The JSON and what is behind it, by the headers that the extension demands."""
    assert (answer.status, answer.headers["content-type"]) == (200, "application/octet-stream")
    length = int(answer.headers["inference-header-content-length"])
    told: dict[str, object] = json.loads(answer.body[:length])
    return told, answer.body[length:]


# KServe, "Sending and Receiving Binary Data": two inputs in binary and one between them that is
# not, two outputs of which one is.

HALVES = np.array([1.1, 2.22, 3.345], "<f2")
MIXED: list[Request] = [
    {
        "name": "input0",
        "shape": [3],
        "datatype": "FP16",
        "parameters": {"binary_data_size": 6},
    },
    {"name": "input1", "shape": [3, 1], "datatype": "UINT32", "data": [[1], [2], [3]]},
    {
        "name": "input2",
        "shape": [3],
        "datatype": "BOOL",
        "parameters": {"binary_data_size": 3},
    },
]
MIXED_RAW = HALVES.tobytes() + b"\x01\x00\x01"
ROWS = [
    [float(half), whole, truth]
    for half, whole, truth in zip(HALVES, (1, 2, 3), (1, 0, 1), strict=True)
]


def test_inputs_and_outputs_are_binary_one_by_one(three: Served) -> None:
    wanted = [{"name": "output0", "parameters": {"binary_data": True}}, {"name": "output1"}]

    told, raw = _split(three.infer({"inputs": MIXED, "outputs": wanted}, MIXED_RAW))

    first, second = _outputs(told)
    assert (first["name"], second["name"]) == ("output0", "output1")
    assert np.frombuffer(raw, "<f4") == pytest.approx(scores("three", ROWS), abs=1e-6)
    assert (second["shape"], "parameters" in second) == ([3, 3], False)
    assert second["data"] == pytest.approx((np.array(ROWS) * weights("three")).ravel(), rel=1e-6)


# KServe, "Requesting All The Outputs To Be In Binary Format", and "if binary_data is specified on
# an output it overrides this setting".


def test_all_outputs_are_binary_unless_one_says_otherwise(three: Served) -> None:
    request: Request = {
        "model_name": "my_model",
        "inputs": [
            {"name": "input", "datatype": "FP32", "shape": [1, 3], "data": [[32.045, 39.9043, 1]]}
        ],
        "parameters": {"binary_data_output": True},
    }

    told, raw = _split(three.infer(request))
    assert [each["parameters"] for each in _outputs(told)] == [
        {"binary_data_size": 4},
        {"binary_data_size": 12},
    ]
    assert len(raw) == 16

    override = {"name": "output1", "parameters": {"binary_data": False}}
    told, raw = _split(three.infer({**request, "outputs": [{"name": "output0"}, override]}))
    assert len(raw) == 4
    assert "data" in _outputs(told)[1]


# inference_grpc.md, "Tensor Data Types", with the size of each; extension_binary_data.md: "in the
# native size of the data type". BF16 stands in open_inference_grpc.proto.

NATIVE = {
    "UINT8": "<u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "<i1",
    "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip


@pytest.mark.parametrize("datatype", [*NATIVE, "BF16", "BYTES"])
def test_every_datatype_is_taken_in_its_native_size(two: Served, datatype: str) -> None:
    numbers = np.array([1, 2, 3])
    name, other = "input0", {**_INPUT1}
    if datatype == "BYTES":
        # Of 4 bytes of length and the text itself, for whom the contract has labels.
        name, other = "input1", {**_INPUT0}
        raw = b"".join(bytes([len(text), 0, 0, 0]) + text for text in (b"yes", b"no", b"yes"))
    elif datatype == "BF16":
        raw = (numbers.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()
    else:
        raw = numbers.astype(NATIVE[datatype]).tobytes()
    size = {"parameters": {"binary_data_size": len(raw)}}
    tensor = {"name": name, "shape": [3], "datatype": datatype, **size}

    (output,) = _outputs(_json(two.infer({"inputs": [tensor, other]}, raw)))

    assert output["data"] == pytest.approx(RIGHT, abs=1e-6)


# KServe, "Deploy Scikit-learn models": iris-input-v2.json. The answer there is a class, here a
# score.


def test_the_iris_example_is_answered(iris: Served) -> None:
    tensor = {"name": "input-0", "shape": [2, 4], "datatype": "FP32", "data": IRIS}

    told = _json(iris.infer({"inputs": [tensor]}, model="sklearn-v2-iris"))

    assert told["model_name"] == "sklearn-v2-iris"
    assert told["id"] and told["model_version"]
    (output,) = _outputs(told)
    assert (output["name"], output["shape"]) == ("predict", [2])
    assert output["data"] == pytest.approx(scores("iris", IRIS), abs=1e-6)


# KServe, "Deploy MLflow models": mlflow-input.json, one input for each column.


def test_the_wine_example_is_answered(tmp_path_factory: pytest.TempPathFactory) -> None:
    values = [7.4, 0.7, 0, 1.9, 0.076, 11, 34, 0.9978, 3.51, 0.56, 9.4]
    inputs = [
        {"name": name, "shape": [1], "datatype": "FP32", "data": [value]}
        for name, value in zip(WINE, values, strict=True)
    ]
    model = "mlflow-v2-wine-classifier"

    with served(tmp_path_factory.mktemp("wine"), "wine") as wine:
        request = {"parameters": {"content_type": "pd"}, "inputs": inputs}
        (output,) = _outputs(_json(wine.infer(request, model=model)))

    assert output["data"] == pytest.approx(scores("wine", [values]), abs=1e-6)
