"""The model server against a bare ASGI application on uvicorn, same graph, same core.

Servers live side by side on the first core and are loaded in turn by wrk on the second one. Figures
are medians of the ratios of single rounds; the A/A control is the same server twice.
"""

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import msgspec
import numpy as np
from tests.attest.releases import NOW, REPOSITORY, new_signer
from tests.serve.onnx_graph import logistic_regression
from uv import find_uv_bin

from bench.measurement import Measurement
from goldenpath.artifact.pack import Contents, pack
from goldenpath.attest.attach import sign_image
from goldenpath.attest.keys import public_pem
from goldenpath.attest.statement import SIGNED
from goldenpath.project.contract import render_contract
from goldenpath.project.spec import Band, Contract, DecisionPolicy, Feature, MonitorSettings
from goldenpath.reconcile.launch import ServerLaunch, TrustedPem
from goldenpath.registry.layout import LayoutStore

WIDTH = 20
PEERS = Path("build") / "bench-peers"
REFERENCE = """
import os, sys
import msgspec, numpy, onnxruntime, orjson
class Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]
class Request(msgspec.Struct):
    inputs: list[Tensor]
    id: str = ""
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL"], options)
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
    rows = numpy.array(tensor.data, dtype=numpy.float32).reshape(tensor.shape)
    scores = session.run(["probability"], {"features": rows})[0][:, -1]
    output = {"name": "probability", "shape": [len(scores)], "datatype": "FP32", "data": scores}
    answer = orjson.dumps(
        {"model_name": "credit", "id": request.id, "outputs": [output]},
        option=orjson.OPT_SERIALIZE_NUMPY,
    )
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
"""


@dataclass(frozen=True, slots=True)
class Served:
    """A server that runs."""

    address: str
    pid: int


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw in one round."""

    rate: float
    p50: float
    """Milliseconds."""
    p99: float
    errors: int
    cpu: float
    """Microseconds of CPU a request; says more than the rate where the machine has other work."""


def run() -> Iterator[Measurement]:
    """Every figure; nothing but a note where wrk or the second core is missing."""
    if shutil.which("wrk") is None or (os.cpu_count() or 1) < 2:
        yield Measurement(5, "model server", None, "", note="needs wrk and two cores")
        return
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        launch = _launch(folder)
        yield from _cold(launch)
        servers = {
            "ours": stack.enter_context(_ours(launch, "ours", spool=True)),
            "again": stack.enter_context(_ours(launch, "again", spool=True)),
            "unrecorded": stack.enter_context(_ours(launch, "unrecorded", spool=False)),
            "bare": stack.enter_context(_bare(folder)),
        }
        yield from _one_row(folder, servers)
        yield from _many_rows(folder, servers)
        yield from _one_connection(folder, servers)


def _one_row(folder: Path, servers: Mapping[str, Served]) -> Iterator[Measurement]:
    rounds = _rounds(servers, _script(folder, 1), rounds=5, connections=64)
    yield Measurement(5, "serve: 1 row, 64 connections", _rate(rounds, "ours"), "1/s")
    yield Measurement(5, "serve: bare ASGI, 1 row, 64 connections", _rate(rounds, "bare"), "1/s")
    yield _ratio("A/A control of the server", rounds, "again", "ours", None)
    yield _ratio("records on / bare ASGI, 1 row, 64 connections", rounds, "ours", "bare", 2.0)
    yield _ratio("records off / bare ASGI, 1 row", rounds, "unrecorded", "bare", None)
    yield _ratio("records on / off, 1 row", rounds, "ours", "unrecorded", None)
    errors = sum(load.errors for loads in rounds.values() for load in loads)
    yield Measurement(5, "serve: errors", errors, "1", 0, errors == 0)


def _many_rows(folder: Path, servers: Mapping[str, Served]) -> Iterator[Measurement]:
    some = {name: servers[name] for name in ("ours", "bare")}
    rounds = _rounds(some, _script(folder, 32), rounds=5, connections=64)
    yield _ratio("records on / bare ASGI, 32 rows, 64 connections", rounds, "ours", "bare", 1.6)


def _one_connection(folder: Path, servers: Mapping[str, Served]) -> Iterator[Measurement]:
    some = {name: servers[name] for name in ("ours", "bare")}
    rounds = _rounds(some, _script(folder, 1), rounds=5, connections=1)
    ratios = [a.p50 / b.p50 for a, b in zip(rounds["ours"], rounds["bare"], strict=True)]
    value = median(ratios)
    note = f"{median(load.p50 for load in rounds['ours']):.3f} ms"
    yield Measurement(
        5, "serve: p50 / bare ASGI, 1 connection", value, "1", 1.0, value <= 1.0, note
    )


def _cold(launch: ServerLaunch) -> Iterator[Measurement]:
    """Process start to the first right answer, and memory after it."""
    times, sizes = [], []
    for number in range(5):
        start = time.perf_counter()
        with _ours(launch, f"cold{number}", spool=True) as server:
            _ask(server.address)
            times.append(time.perf_counter() - start)
            sizes.append(_resident(server.pid))
    value, size = median(times), median(sizes)
    yield Measurement(5, "serve: cold start to the first answer", value, "s", 0.6, value <= 0.6)
    yield Measurement(5, "serve: resident memory", size, "MiB", 100, size <= 100)


def _launch(folder: Path) -> ServerLaunch:
    features = tuple(
        Feature(f"f{number}", "number", minimum=-1000, maximum=1000) for number in range(12)
    ) + tuple(
        Feature(f"c{number}", "category", categories=tuple(float(code) for code in range(10)))
        for number in range(WIDTH - 12)
    )
    contract = Contract(
        name="credit",
        features=features,
        output="default",
        decision=DecisionPolicy((Band("all", 1.01, "refer"),)),
        monitor=MonitorSettings(),
    )
    weights = np.random.default_rng(1).normal(0, 0.1, WIDTH).astype(np.float32)
    (folder / "outputs").mkdir()
    (folder / "outputs" / "model.onnx").write_bytes(logistic_regression(weights, 0.0))
    store, signer = LayoutStore(folder / "registry"), new_signer()
    image = pack(
        store,
        Contents(
            name="credit",
            version="1",
            outputs=folder / "outputs",
            contract=render_contract(contract),
            profile=b"{}",
            lock=b"",
            python_version="3.11",
            documents={},
            commit="c" * 40,
            committed_at="2026-01-01T00:00:00Z",
        ),
    ).image
    sign_image(store, image, REPOSITORY, signer, NOW)
    return ServerLaunch(
        stage="bench",
        model="credit",
        slot="r" + image.digest.hex[:12],
        digest=image.digest.text,
        replica="r",
        store=str(folder / "registry"),
        keys=(TrustedPem("build", public_pem(signer).decode()),),
        required=(SIGNED,),
        listen="127.0.0.1:0",
        spool=str(folder / "spool"),
    )


@contextmanager
def _ours(launch: ServerLaunch, replica: str, *, spool: bool) -> Iterator[Served]:
    record = msgspec.to_builtins(launch) | {"replica": replica}
    if not spool:
        record["spool"] = ""
    command = ["taskset", "-c", "0", sys.executable, "-m", "goldenpath.serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(msgspec.json.encode(record) + b"\n")
        child.stdin.flush()
        event = json.loads(child.stdout.readline())
        if event["event"] != "ready":
            raise OSError(f"the server did not start: {event}")
        yield Served(event["address"], child.pid)
        child.stdin.close()
        child.wait(30)


@contextmanager
def _bare(folder: Path) -> Iterator[Served]:
    """The reference in an environment of its own, made by uv below `build`."""
    python = PEERS.absolute() / "bin" / "python"
    if not python.exists():
        packages = ["uvicorn", "httptools", "uvloop", "orjson", "msgspec", "onnxruntime", "numpy"]
        subprocess.run(
            [find_uv_bin(), "venv", "--quiet", "--python", sys.executable, PEERS], check=True
        )
        install = [find_uv_bin(), "pip", "install", "--quiet", "--python", str(python), *packages]
        subprocess.run(install, check=True)
    (folder / "reference.py").write_text(REFERENCE)
    options = ["--http", "httptools", "--loop", "uvloop", "--no-access-log", "--port", "0"]
    command = ["taskset", "-c", "0", str(python), "-m", "uvicorn", "reference:app", *options]
    environment = dict(os.environ) | {"MODEL": str(folder / "outputs" / "model.onnx")}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stderr is not None
        for line in child.stderr:
            found = re.search(r"running on http://(127\.0\.0\.1:\d+)", line)
            if found:
                yield Served(found[1], child.pid)
                break
        child.terminate()
        child.communicate(timeout=30)


def _script(folder: Path, rows: int) -> Path:
    random = np.random.default_rng(2)
    numbers = random.normal(0, 1, (rows, 12)).round(3)
    codes = random.integers(0, 10, (rows, WIDTH - 12))
    data = np.hstack([numbers, codes]).ravel().tolist()
    tensor = {"name": "features", "shape": [rows, WIDTH], "datatype": "FP32", "data": data}
    body = json.dumps({"inputs": [tensor]}, separators=(",", ":"))
    path = folder / f"rows{rows}.lua"
    path.write_text(
        f"wrk.method = 'POST'\nwrk.body = [[{body}]]\n"
        "wrk.headers['Content-Type'] = 'application/json'\n"
    )
    return path


def _rounds(
    servers: Mapping[str, Served], script: Path, *, rounds: int, connections: int
) -> dict[str, list[Load]]:
    for server in servers.values():
        _wrk(server, script, connections, 0.5)
    found: dict[str, list[Load]] = {name: [] for name in servers}
    for number in range(rounds):
        names = list(servers)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            found[name].append(_wrk(servers[name], script, connections, 1.0))
    return found


def _wrk(server: Served, script: Path, connections: int, seconds: float) -> Load:
    command = [
        "taskset",
        "-c",
        "1",
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{max(1, round(seconds))}s",
    ]
    url = f"http://{server.address}/v2/models/credit/infer"
    before = _cpu(server.pid)
    text = subprocess.run(
        [*command, "--latency", "-s", str(script), url], capture_output=True, text=True, check=True
    ).stdout
    used = _cpu(server.pid) - before
    answered = float(_found(r"(\d+) requests in", text))
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return Load(
        float(_found(r"Requests/sec:\s+([\d.]+)", text)),
        _milliseconds(_found(r"50%\s+([\d.]+\w+)", text)),
        _milliseconds(_found(r"99%\s+([\d.]+\w+)", text)),
        int(errors[1]) if errors else 0,
        used / answered * 1e6,
    )


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise OSError(f"wrk said something else: {text}")
    return match[1]


def _milliseconds(text: str) -> float:
    for unit, factor in (("us", 0.001), ("ms", 1.0), ("s", 1000.0)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise OSError(f"wrk said a time of {text}")


def _rate(rounds: Mapping[str, Sequence[Load]], name: str) -> float:
    return median(load.rate for load in rounds[name])


def _ratio(
    name: str, rounds: Mapping[str, Sequence[Load]], above: str, below: str, goal: float | None
) -> Measurement:
    ratios = sorted(a.rate / b.rate for a, b in zip(rounds[above], rounds[below], strict=True))
    value = median(ratios)
    holds = None if goal is None else value >= goal
    by_cpu = median(b.cpu / a.cpu for a, b in zip(rounds[above], rounds[below], strict=True))
    note = f"rounds {ratios[0]:.2f} to {ratios[-1]:.2f}; by CPU a request {by_cpu:.2f}"
    return Measurement(5, f"serve: {name}", value, "1", goal, holds, note)


def _ask(address: str) -> None:
    tensor = {"name": "features", "shape": [1, WIDTH], "datatype": "FP32", "data": [0.0] * WIDTH}
    connection = http.client.HTTPConnection(address)
    connection.request(
        "POST",
        "/v2/models/credit/infer",
        json.dumps({"inputs": [tensor]}),
        {"Content-Type": "application/json"},
    )
    answer = json.loads(connection.getresponse().read())
    connection.close()
    if answer["outputs"][0]["data"] != [0.5]:
        raise OSError(f"the first answer is wrong: {answer}")


def _resident(pid: int) -> float:
    """MiB of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(_found(r"VmRSS:\s+(\d+)", status)) / 1024
