"""kserve and tritonclient, unchanged, against a server of each task and of each kind of feature.

Both run in the environment that `scripts/fetch-clients` makes, over HTTP and over gRPC.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from goldenpath.http.limits import Limits
from goldenpath.project.spec import Contract
from goldenpath.serve.grpc.grpc_listener import GrpcListener
from goldenpath.serve.model.model import Model
from goldenpath.serve.server.grpc_bridge import ask_of
from goldenpath.serve.server.model_server import ModelServer
from tests.serve.protocol.test_foreign import _program
from tests.serve.running import (
    CONTRACT,
    IDENTITY,
    ROW,
    expected,
    linear_model,
    records,
    writer,
)
from tests.serve.server.test_parts import PARTS, Tenth
from tests.serve.server.test_tasks import CLASSES, PLACE, VALUE, Echo
from tests.serve.server.test_texts import TEXTS, Lengths

_START = """
import json, sys
import numpy as np
http, calls, case = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])

def values(each):
    if each["datatype"] == "BYTES":
        return np.array([text.encode() for text in each["data"]], np.object_).reshape(each["shape"])
    return np.array(each["data"], np.float32).reshape(each["shape"])

def check(found):
    right = np.array(case["right"], np.float32)
    np.testing.assert_allclose(np.asarray(found).reshape(right.shape), right, atol=1e-6)
"""
TRITON = (
    _START
    + """
import tritonclient.grpc as over_grpc
import tritonclient.http as over_http

def inputs(module, **binary):
    made = []
    for each in case["inputs"]:
        made.append(module.InferInput(each["name"], each["shape"], each["datatype"]))
        made[-1].set_data_from_numpy(values(each), **binary)
    return made

def ask(module, client, named, **binary):
    told = client.get_model_metadata("credit", **named)
    assert told["inputs"] and case["output"] in {each["name"] for each in told["outputs"]}
    wanted = [module.InferRequestedOutput(case["output"], **binary)]
    for outputs in (None, wanted):
        answer = client.infer("credit", inputs(module, **binary), outputs=outputs)
        check(answer.as_numpy(case["output"]))
    bad = inputs(module, **binary)[1:]
    try:
        client.infer("credit", bad)
    except module.InferenceServerException as refused:
        assert str(refused), "a refusal has a reason"
        return
    raise AssertionError("a request without an input was answered")

for binary in (True, False):
    ask(over_http, over_http.InferenceServerClient(http), {}, binary_data=binary)
ask(over_grpc, over_grpc.InferenceServerClient(calls), {"as_json": True})
"""
)
KSERVE = (
    _START
    + """
import asyncio
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig

def request(binary):
    inputs = []
    for each in case["inputs"]:
        inputs.append(InferInput(each["name"], each["shape"], each["datatype"]))
        inputs[-1].set_data_from_numpy(values(each), binary_data=binary)
    return InferRequest("credit", inputs)

def output(answer):
    return next(each for each in answer.outputs if each.name == case["output"]).as_numpy()

async def both():
    rest, grpc = InferenceRESTClient(RESTConfig(protocol="v2")), InferenceGRPCClient(calls)
    for binary in (False, True):
        check(output(await rest.infer(f"http://{http}", request(binary), model_name="credit")))
        check(output(await grpc.infer(request(binary))))
    await rest.close()
    await grpc.close()

asyncio.run(both())
"""
)


@dataclass(frozen=True, slots=True)
class _Case:
    """A model, what a client sends, and what it has to get."""

    contract: Contract
    model: Model
    inputs: tuple[Mapping[str, object], ...]
    right: list[float]

    def told(self) -> str:
        output = self.contract.output_tensor or self.contract.output
        return json.dumps({"inputs": self.inputs, "right": self.right, "output": output})


def _tensor(name: str, *data: object, shape: tuple[int, ...] = ()) -> Mapping[str, object]:
    kind = "BYTES" if isinstance(data[0], str) else "FP32"
    return {"name": name, "datatype": kind, "shape": shape or (len(data),), "data": data}


_TWO = (_tensor("amount", 300.0, 20.0), _tensor("place", PLACE[1], PLACE[0]))
CASES = {
    "probability": _Case(
        CONTRACT, linear_model(), (_tensor("features", *ROW, shape=(1, 4)),), expected([ROW])
    ),
    "classes": _Case(CLASSES, Echo(CLASSES), _TWO, [0.3, 0.525, 0.175, 0.02, 0.735, 0.245]),
    "value": _Case(VALUE, Echo(VALUE), _TWO, [300.0, 20.0]),
    "texts": _Case(
        TEXTS, Lengths(),
        (_tensor("amount", 1.0), _tensor("note", "Grüße, 世界"), _tensor("more", "no")), [0.09],
    ),
    "vectors and times": _Case(
        PARTS, Tenth(),
        (_tensor("amount", 1.0), _tensor("face", 0.5, -0.25, 1.0, shape=(1, 3)),
         _tensor("opened", "2000-01-02T01:00:01+01:00")), [0.1],
    ),
}  # fmt: skip


@pytest.mark.interop
@pytest.mark.parametrize("script", [TRITON, KSERVE], ids=["tritonclient", "kserve"])
@pytest.mark.parametrize("task", CASES)
def test_a_client_of_another_project_gets_the_answers_of_a_task(
    tmp_path: Path, task: str, script: str
) -> None:
    python, case = _program("clients", "bin", "python"), CASES[task]

    async def main() -> None:
        reports: list[str] = []
        spool = writer(tmp_path / "spool", reports.append)
        server = ModelServer(IDENTITY, case.contract, case.model, spool, report=reports.append)
        server.warm_up()
        address = await server.listen("127.0.0.1:0")
        listener = GrpcListener(ask_of(server), largest=Limits().body, calls=8)
        calls = await listener.open("127.0.0.1:0", None)
        client = await asyncio.create_subprocess_exec(
            python, "-c", script, address, calls, case.told(), stderr=asyncio.subprocess.PIPE
        )
        _, told = await client.communicate()
        await listener.close(0.0)
        await server.drain(linger=0.0)
        spool.close()
        assert client.returncode == 0, told.decode()

    # Their imports take seconds.
    asyncio.run(asyncio.wait_for(main(), 120))
    answered = [record for record in records(tmp_path / "spool") if record.rows and record.scores]
    assert len(answered) >= 4, "each answer was recorded"
