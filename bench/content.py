"""A model that is code: what its own process costs over the same function called in the frame.

Two servers that differ in nothing else are asked in turn over one connection; the figure is the
median of the differences of their medians. The control is the second server once more.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import numpy as np
import uvloop

from bench.measurement import Measurement
from goldenpath.project.spec import Band, Contract, DecisionPolicy, Feature, MonitorSettings
from goldenpath.serve.model.model import Model, ModelApart, Rows, Scores
from goldenpath.serve.model.supervised_worker import SupervisedModel
from goldenpath.serve.model.worker import WorkerTerms, Workplace
from goldenpath.serve.protocol.release_identity import ReleaseIdentity
from goldenpath.serve.server.model_server import ModelServer

WIDTH = 20
ROUNDS = 9
CODE = """
import numpy as np

def load(files):
    weights = np.linspace(-0.5, 0.5, 20, dtype=np.float32)
    return lambda rows: 1 / (1 + np.exp(-(rows @ weights)))
"""
CONTRACT = Contract(
    name="credit",
    features=tuple(Feature(f"f{number}", "number") for number in range(WIDTH)),
    output="default",
    decision=DecisionPolicy((Band("all", 1.01, "refer"),)),
    monitor=MonitorSettings(),
)


class _Inside:
    """The same function in the frame."""

    def __init__(self) -> None:
        self._weights = np.linspace(-0.5, 0.5, WIDTH, dtype=np.float32)

    def predict(self, rows: Rows) -> Scores:
        return np.ascontiguousarray(1 / (1 + np.exp(-(rows @ self._weights))), dtype=np.float32)


def run() -> Iterator[Measurement]:
    """The difference, and its control."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        for part in ("code", "files", "scratch"):
            (folder / part).mkdir()
        (folder / "code" / "scoring.py").write_text(CODE)
        servers = {
            kind: stack.enter_context(_served(folder, kind.split()[0]))
            for kind in ("apart", "inside", "inside again")
        }
        found = _rounds(folder, servers)
    apart, inside, again = (found[kind] for kind in servers)
    added = median(a - b for a, b in zip(apart, inside, strict=True))
    control = median(a - b for a, b in zip(again, inside, strict=True))
    yield Measurement(5, "content: p50 at one connection, apart", median(apart), "us")
    yield Measurement(5, "content: p50 at one connection, in process", median(inside), "us")
    yield Measurement(5, "content: added by its own process", added, "us", 150, added <= 150)
    yield Measurement(5, "content: A/A control of the difference", control, "us")


def _rounds(folder: Path, addresses: Mapping[str, str]) -> dict[str, list[float]]:
    tensor = {"name": "features", "shape": [1, WIDTH], "datatype": "FP32", "data": [0.5] * WIDTH}
    script = folder / "row.lua"
    script.write_text(
        f"wrk.method = 'POST'\nwrk.body = [==[{json.dumps({'inputs': [tensor]})}]==]\n"
        "wrk.headers['Content-Type'] = 'application/json'\n"
    )
    for address in addresses.values():
        _p50(address, script)
    found: dict[str, list[float]] = {name: [] for name in addresses}
    for number in range(ROUNDS):
        names = list(addresses)
        for name in names[number % 3 :] + names[: number % 3]:
            found[name].append(_p50(addresses[name], script))
    return found


def _p50(address: str, script: Path) -> float:
    """Microseconds."""
    command = ["taskset", "-c", "1", "wrk", "-t1", "-c1", "-d1s", "--latency", "-s", str(script)]
    url = f"http://{address}/v2/models/credit/infer"
    text = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    found = re.search(r"50%\s+([\d.]+)(us|ms)", text)
    if found is None or "Non-2xx" in text:
        raise OSError(f"wrk said something else: {text}")
    return float(found[1]) * (1000 if found[2] == "ms" else 1)


@contextmanager
def _served(folder: Path, kind: str) -> Iterator[str]:
    # One core for frame and content together, the other one for who asks.
    command = ["taskset", "-c", "0", sys.executable, "-m", "bench.content", kind, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        yield child.stdout.readline().decode().strip()
        child.stdin.close()
        child.wait(30)


async def _serve(kind: str, folder: Path) -> None:
    model: Model | ModelApart = _Inside()
    if kind == "apart":
        place = Workplace(
            Path(sys.executable),
            Path(sys.prefix),
            folder / "code",
            folder / "files",
            folder / "scratch",
            {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        terms = WorkerTerms("scoring:load", WIDTH, 1, 5.0, 30.0, 1024)
        example = np.zeros((1, WIDTH), np.float32)
        model = SupervisedModel(place, terms, example, lambda said: None)
        await model.start()
    identity = ReleaseIdentity("bench", "credit", "one", "sha256:" + "a" * 64, "one")
    server = ModelServer(identity, CONTRACT, model, None, report=print)
    server.warm_up()
    print(await server.listen("127.0.0.1:0"), flush=True)
    await asyncio.to_thread(os.read, 0, 1)
    await server.drain(linger=0.0)


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1], Path(sys.argv[2])))
