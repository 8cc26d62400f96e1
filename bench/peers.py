"""The peers of the model server, each installed in an environment of its own below `build/peers`.

All of them call the same graph by ONNX Runtime with one thread, so that the difference is the
server; this is kinder to them than their own runtimes. Access logs are off, one worker, one core.
"""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime
from uv import find_uv_bin

ENVIRONMENTS = Path("build") / "peers"
START_SECONDS = 60.0
_TENSOR = "/v2/models/credit/infer"
_SESSION = """
import os
import numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL"], options)
def score(rows):
    return session.run(["probability"], {"features": rows})[0][:, -1]
"""
_BARE = (
    _SESSION
    + """
import msgspec, orjson
class Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]
class Request(msgspec.Struct):
    inputs: list[Tensor]
    id: str = ""
decoder = msgspec.json.Decoder(Request)
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    request = decoder.decode(body)
    tensor = request.inputs[0]
    scores = score(numpy.array(tensor.data, dtype=numpy.float32).reshape(tensor.shape))
    output = {"name": "probability", "shape": [len(scores)], "datatype": "FP32", "data": scores}
    answer = orjson.dumps(
        {"model_name": "credit", "id": request.id, "outputs": [output]},
        option=orjson.OPT_SERIALIZE_NUMPY,
    )
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
"""
)
_KSERVE = (
    _SESSION
    + """
import sys
from kserve import InferOutput, InferResponse, Model, ModelServer
from kserve.utils.utils import generate_uuid
class Credit(Model):
    def __init__(self):
        super().__init__("credit")
        self.ready = True
    def predict(self, payload, headers=None, response_headers=None):
        scores = score(payload.inputs[0].as_numpy())
        output = InferOutput("probability", list(scores.shape), "FP32", scores.tolist())
        return InferResponse(payload.id or generate_uuid(), "credit", [output])
if __name__ == "__main__":
    ModelServer(http_port=int(sys.argv[1]), enable_grpc=False, workers=1).start([Credit()])
"""
)
_MLSERVER = (
    _SESSION
    + """
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse
class Credit(MLModel):
    async def load(self):
        return True
    async def predict(self, payload):
        rows = NumpyCodec.decode_input(payload.inputs[0]).astype(numpy.float32)
        output = NumpyCodec.encode_output("probability", score(rows))
        return InferenceResponse(model_name=self.name, outputs=[output])
"""
)
_MLFLOW = (
    _SESSION
    + """
import mlflow
class Credit(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        rows = numpy.asarray(model_input, dtype=numpy.float32)
        return score(rows)
mlflow.models.set_model(Credit())
"""
)
_BENTO = (
    _SESSION
    + """
import bentoml
@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Credit:
    @bentoml.api
    def infer(self, rows: list[list[float]]) -> list[float]:
        return score(numpy.array(rows, dtype=numpy.float32)).tolist()
"""
)


Rows = Sequence[Sequence[float]]
Body = Callable[[Rows], bytes]


@dataclass(frozen=True, slots=True)
class Served:
    """A server that runs."""

    address: str
    pid: int
    """Of the process whose tree is the server."""
    path: str = _TENSOR
    body: Body = field(default_factory=lambda: tensor)
    observer: int = 0
    """The process that works on its records, if there is one."""
    observed_after: bool = False
    """It works when the load is over."""


def tensor(rows: Rows) -> bytes:
    """A request of Open Inference Protocol v2."""
    data = [value for row in rows for value in row]
    fields = {"name": "features", "shape": [len(rows), len(rows[0])], "datatype": "FP32"}
    return _json({"inputs": [fields | {"data": data}]})


@dataclass(frozen=True, slots=True)
class Peer:
    """How another server is installed, started and asked."""

    packages: tuple[str, ...]
    files: Mapping[str, str]
    command: Callable[[Path, str], list[str]]
    """From the folder of its programs and a port."""
    path: str = _TENSOR
    body: Body = tensor
    prepare: tuple[str, ...] = ()
    """A command that makes what it serves."""


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


PEERS: Mapping[str, Peer] = {
    "bare ASGI": Peer(
        ("uvicorn", "httptools", "uvloop", "orjson", "msgspec", "onnxruntime", "numpy"),
        {"reference.py": _BARE},
        lambda programs, port: [
            *(str(programs / "python"), "-m", "uvicorn", "reference:app", "--http", "httptools"),
            *("--loop", "uvloop", "--no-access-log", "--port", port),
        ],
    ),
    "KServe": Peer(
        ("kserve", "onnxruntime"),
        {"server.py": _KSERVE},
        lambda programs, port: [str(programs / "python"), "server.py", port],
    ),
    "MLServer": Peer(
        # A newer uvloop makes no event loop where MLServer expects one.
        ("mlserver", "uvloop==0.21.0", "onnxruntime"),
        {
            "credit.py": _MLSERVER,
            "model-settings.json": '{"name": "credit", "implementation": "credit.Credit"}',
            "settings.json": '{"debug": false, "parallel_workers": 0, "metrics_endpoint": null}',
        },
        lambda programs, port: [str(programs / "mlserver"), "start", "."],
    ),
    "MLflow": Peer(
        ("mlflow", "onnxruntime"),
        {"model.py": _MLFLOW},
        lambda programs, port: [
            *(str(programs / "mlflow"), "models", "serve", "--model-uri", "saved"),
            *("--env-manager", "local", "--host", "127.0.0.1", "--port", port, "--workers", "1"),
        ],
        "/invocations",
        lambda rows: _json({"inputs": rows}),
        ("import mlflow; mlflow.pyfunc.save_model('saved', python_model='model.py')",),
    ),
    "BentoML": Peer(
        ("bentoml", "onnxruntime"),
        {"service.py": _BENTO},
        lambda programs, port: [
            *(str(programs / "bentoml"), "serve", "service:Credit", "--host", "127.0.0.1"),
            *("--port", port),
        ],
        "/infer",
        lambda rows: _json({"rows": rows}),
    ),
}
"""`bare ASGI` is no product but the reference: the least that a Python server has to do."""


@contextmanager
def served(name: str, folder: Path, model: Path, rows: Rows) -> Iterator[Served]:
    """A peer that runs on the first core and has given the right answer to `rows`.

    Raises `OSError` if it cannot be installed or started.
    """
    peer, port = PEERS[name], _free_port()
    programs = _installed(name)
    for file, text in peer.files.items():
        (folder / file).write_text(text)
    environment = {
        **os.environ,
        "MODEL": str(model),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(folder),
        "MLSERVER_HTTP_PORT": port,
        "MLSERVER_GRPC_PORT": _free_port(),
        "BENTOML_DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    python = str(programs / "python")
    for step in peer.prepare:
        _run([python, "-c", step], folder, environment)
    command = ["taskset", "-c", "0", *peer.command(programs, port)]
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    there = Served(f"127.0.0.1:{port}", child.pid, peer.path, peer.body)
    try:
        _await(there, child, rows, _scores(model, rows), folder / "log")
        yield there
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def version(name: str) -> str:
    """What is installed of a peer, without asking it to start."""
    package = PEERS[name].packages[0]
    question = f"import importlib.metadata as m; print(m.version({package!r}))"
    done = subprocess.run(
        [_programs(name) / "python", "-c", question], capture_output=True, text=True
    )
    return f"{package} {done.stdout.strip()}"


def ask(there: Served, rows: Rows) -> bytes:
    """One request and the body of its answer. Raises `OSError` if there is none."""
    connection = http.client.HTTPConnection(there.address, timeout=10)
    try:
        headers = {"content-type": "application/json"}
        connection.request("POST", there.path, there.body(rows), headers)
        answer = connection.getresponse()
        content = answer.read()
    except http.client.HTTPException as error:
        raise OSError(f"a peer does not speak HTTP yet: {error}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise OSError(f"a peer answers {answer.status}: {content[:200]!r}")
    return content


def _await(
    there: Served, child: "subprocess.Popen[bytes]", rows: Rows, wanted: Sequence[float], log: Path
) -> None:
    give_up = time.monotonic() + START_SECONDS
    while True:
        try:
            found = _numbers(json.loads(ask(there, rows)))
            break
        except OSError as error:
            if child.poll() is not None or time.monotonic() > give_up:
                raise OSError(f"a peer did not start: {log.read_text()[-2000:]}") from error
            time.sleep(0.1)
    if len(found) != len(wanted) or any(
        abs(a - b) > 1e-6 for a, b in zip(found, wanted, strict=True)
    ):
        raise OSError(f"a peer answers {found}: expected {wanted}")


def _scores(model: Path, rows: Rows) -> list[float]:
    session = onnxruntime.InferenceSession(str(model))
    found = session.run(["probability"], {"features": np.array(rows, np.float32)})[0]
    return [float(value) for value in found[:, -1]]


def _numbers(answer: object) -> list[float]:
    """The scores in an answer, whatever form the peer gives it."""
    if isinstance(answer, dict):
        if "predictions" in answer:
            return _numbers(answer["predictions"])
        return _numbers(answer["outputs"][0]["data"])
    return [float(value) for value in answer] if isinstance(answer, list) else []


def _programs(name: str) -> Path:
    return (ENVIRONMENTS / name.lower().split()[0] / "bin").absolute()


def _installed(name: str) -> Path:
    programs = _programs(name)
    python = programs / "python"
    if not python.exists():
        _run([find_uv_bin(), "venv", "--quiet", "--python", sys.executable, str(programs.parent)])
        packages = PEERS[name].packages
        _run([find_uv_bin(), "pip", "install", "--quiet", "--python", str(python), *packages])
    return programs


def _run(
    command: list[str], folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> None:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{command[0]} failed: {done.stderr[-2000:]}")


def _free_port() -> str:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])
