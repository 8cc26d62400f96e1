"""Clients and testers of other projects talk to a server process, unchanged.

Each runs in an environment of its own, made by `scripts/fetch-clients`; none is a dependency.
"""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.serve.conformance import scores, served
from tests.serve.process import Process, packed, started
from tests.serve.running import ROW, expected

BUILD = Path(__file__).parents[3] / "build"
_GIVEN = """
import json, sys
import numpy as np
http, calls, row, right = sys.argv[1], sys.argv[2], *map(json.loads, sys.argv[3:])
rows = np.array([row, row], np.float32)
"""
TRITON = (
    _GIVEN
    + """
import tritonclient.grpc as over_grpc
import tritonclient.http as over_http

def check(module, client, binary, named):
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("credit")
    assert client.get_server_metadata(**named)["name"] == "goldenpath"
    assert client.get_model_metadata("credit", **named)["inputs"][0]["name"] == "features"
    assert client.get_model_config("credit", **named)
    if module is over_http:
        assert client.get_model_repository_index()[0]["name"] == "credit"
    else:
        assert client.get_model_repository_index().models[0].name == "credit"
    try:
        client.get_inference_statistics("credit")
    except module.InferenceServerException as refused:
        assert "/metrics" in str(refused), refused
    tensor = module.InferInput("features", rows.shape, "FP32")
    tensor.set_data_from_numpy(rows, **binary)
    wanted = [module.InferRequestedOutput("probability", **binary)]
    for outputs in (None, wanted):
        answer = client.infer("credit", [tensor], outputs=outputs, request_id="mine")
        np.testing.assert_allclose(answer.as_numpy("probability"), [right, right], atol=1e-6)
        said = answer.get_response(**named)
        assert said["id"] == "mine" and said["parameters"]["slot"] and said["model_version"], said
    try:
        client.infer("other", [tensor])
    except module.InferenceServerException:
        return
    raise AssertionError("another model was answered")

for binary in (True, False):
    check(over_http, over_http.InferenceServerClient(http), {"binary_data": binary}, {})
check(over_grpc, over_grpc.InferenceServerClient(calls), {}, {"as_json": True})
"""
)
KSERVE = (
    _GIVEN
    + """
import asyncio
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig

def request(binary):
    tensor = InferInput("features", list(rows.shape), "FP32")
    tensor.set_data_from_numpy(rows, binary_data=binary)
    return InferRequest("credit", [tensor], request_id="mine")

def check(answer):
    output = next(each for each in answer.outputs if each.name == "probability")
    np.testing.assert_allclose(output.as_numpy(), [right, right], atol=1e-6)
    assert (answer.id, answer.model_name) == ("mine", "credit")

async def rest(client, base):
    assert await client.is_server_live(base) and await client.is_server_ready(base)
    assert await client.is_model_ready(base, "credit")
    for binary in (False, True):
        check(await client.infer(base, request(binary), model_name="credit"))
    await client.close()

async def grpc(client):
    assert await client.is_server_live() and await client.is_server_ready()
    assert await client.is_model_ready("credit")
    for binary in (False, True):
        check(await client.infer(request(binary)))
    await client.close()

async def both():
    await rest(InferenceRESTClient(RESTConfig(protocol="v2")), f"http://{http}")
    await grpc(InferenceGRPCClient(calls))

asyncio.run(both())
"""
)


DATATYPES = """
import json, sys
import ml_dtypes
import numpy as np
import tritonclient.grpc as over_grpc
import tritonclient.http as over_http

http, calls, right = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
numbers = {"BF16": ml_dtypes.bfloat16, "FP16": np.float16, "UINT64": np.uint64}
truths = {"BOOL": np.array([True, False, True]),
          "BYTES": np.array([b"yes", b"no", b"yes"], np.object_)}

def ask(module, client, number, truth, **binary):
    inputs = [module.InferInput("input0", [3], number), module.InferInput("input1", [3], truth)]
    inputs[0].set_data_from_numpy(np.array([1, 2, 3], numbers[number]), **binary)
    inputs[1].set_data_from_numpy(truths[truth], **binary)
    found = client.infer("mymodel", inputs).as_numpy("output0")
    np.testing.assert_allclose(found, right, atol=1e-6)

for truth in truths:
    for number in numbers:
        ask(over_http, over_http.InferenceServerClient(http), number, truth, binary_data=True)
        ask(over_grpc, over_grpc.InferenceServerClient(calls), number, truth)
    ask(over_http, over_http.InferenceServerClient(http), "UINT64", truth, binary_data=False)
"""
# KServe, "Binary Tensor Data Extension", "Inference Client Example", with rows where it has 2 x 2.
BINARY = """
import asyncio, json, sys
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

def request(**more):
    given = [("input0", "FP16", np.array([1.1, 2.22, 3.345], np.float16), True),
             ("input1", "UINT32", np.array([1, 2, 3], np.uint32), False),
             ("input2", "BOOL", np.array([True, False, True]), True)]
    inputs = []
    for name, datatype, values, binary in given:
        inputs.append(InferInput(name=name, datatype=datatype, shape=[3]))
        inputs[-1].set_data_from_numpy(values, binary_data=binary)
    return InferRequest("mymodel", inputs, request_id="2ja0ls9j1309", **more)

async def main():
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    wanted = [RequestedOutput("output0", {"binary_data": True}),
              RequestedOutput("output1", {"binary_data": False})]
    for asked in ({"request_outputs": wanted}, {"parameters": {"binary_data_output": True}}, {}):
        answer = await client.infer("http://" + sys.argv[1], request(**asked), model_name="mymodel")
        assert answer.id == "2ja0ls9j1309"
        first, second = answer.outputs
        np.testing.assert_allclose(first.as_numpy(), json.loads(sys.argv[2]), atol=1e-6)
        assert second.as_numpy().shape == (3, 3)
    await client.close()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    launch = packed(tmp_path_factory.mktemp("foreign")).launch()
    with started(replace(launch, listen="127.0.0.1:0", grpc="127.0.0.1:0", spool="")) as process:
        yield process


def _program(*parts: str) -> str:
    path = BUILD.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{path.name} is not here: see scripts/fetch-clients")
    return str(path)


@pytest.mark.interop
@pytest.mark.parametrize("script", [TRITON, KSERVE], ids=["tritonclient", "kserve"])
def test_clients_of_other_projects_are_answered_right(server: Process, script: str) -> None:
    python = _program("clients", "bin", "python")
    given = [
        server.address,
        str(server.event["grpc"]),
        json.dumps(ROW),
        json.dumps(expected([ROW])[0]),
    ]

    done = subprocess.run([python, "-c", script, *given], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


@pytest.mark.interop
def test_the_client_of_kserves_documentation_is_answered(tmp_path: Path) -> None:
    python = _program("clients", "bin", "python")
    halves = [float(np.float16(number)) for number in (1.1, 2.22, 3.345)]
    rows = [list(row) for row in zip(halves, (1, 2, 3), (1, 0, 1), strict=True)]

    with served(tmp_path, "three") as three:
        given = [three.address, json.dumps(scores("three", rows))]
        done = subprocess.run([python, "-c", BINARY, *given], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


@pytest.mark.interop
def test_texts_truths_and_halves_of_another_client_are_understood(tmp_path: Path) -> None:
    python = _program("clients", "bin", "python")

    with served(tmp_path, "two") as two:
        right = scores("two", [[1, 1], [2, 0], [3, 1]])
        given = [two.address, two.grpc, json.dumps(right)]
        done = subprocess.run([python, "-c", DATATYPES, *given], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


@pytest.mark.interop
def test_schemathesis_finds_nothing_in_what_the_document_promises(
    server: Process, tmp_path: Path
) -> None:
    # Left out: that whatever fits the schema is taken. The number of values is the product of the
    # shape and there is one subject a row, which a schema cannot say.
    command = [
        *(_program("schemathesis", "bin", "schemathesis"), "run"),
        *(f"http://{server.address}/openapi.json", "--checks", "all"),
        *("--exclude-checks", "positive_data_acceptance", "--max-examples", "25", "--seed", "7"),
        *("--generation-database", "none", "--no-color"),
    ]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout[-4000:]
