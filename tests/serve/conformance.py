"""Servers for the models of the specification's examples, and a client that sends their bytes.

What an example says of its model is taken over wherever a table of rows can have it. Adapted are:
the number of rows, which is the same in all inputs (the examples have 2 x 2 beside 3 values), and
the datatype of outputs, which is FP32 here. The address is that of the test.
"""

import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from goldenpath.project.spec import Contract, Feature, Reason, ReasonPolicy
from tests.serve.onnx_graph import logistic_regression
from tests.serve.process import packed, started
from tests.serve.running import CONTRACT, Answer

BIAS = -1.0
IRIS = [[6.8, 2.8, 4.8, 1.4], [6.0, 3.4, 4.5, 1.6]]
WINE = ("fixed acidity", "volatile acidity", "citric acid", "residual sugar", "chlorides",
        "free sulfur dioxide", "total sulfur dioxide", "density", "pH", "sulphates",
        "alcohol")  # fmt: skip


def _contract(name: str, features: Sequence[Feature], tensors: tuple[str, str, str]) -> Contract:
    codes = tuple(Reason(f"R{number}", "as it is") for number in range(len(features)))
    reasons = ReasonPolicy(codes, tensor=tensors[2]) if tensors[2] else None
    return replace(
        CONTRACT,
        name=name,
        features=tuple(features),
        input_tensor=tensors[0],
        output_tensor=tensors[1],
        reasons=reasons,
    )


NUMBER = Feature("input0", "number", minimum=0, maximum=100)
TRUTH = Feature("input1", "category", categories=(0.0, 1.0), labels=("no", "yes"))
MODELS = {
    # inference_rest.md and extension_binary_data.md, "Examples": two inputs and one output.
    "two": _contract("mymodel", (NUMBER, TRUTH), ("input", "output0", "")),
    # KServe, "Sending and Receiving Binary Data": three inputs and two outputs.
    "three": _contract(
        "mymodel",
        (NUMBER, replace(NUMBER, name="input1"), replace(TRUTH, name="input2")),
        ("input", "output0", "output1"),
    ),
    # KServe, "Deploy Scikit-learn models with InferenceService".
    "iris": _contract(
        "sklearn-v2-iris",
        [Feature(name, "number", minimum=0, maximum=10) for name in "abcd"],
        ("input-0", "predict", ""),
    ),
    # KServe, "Deploy MLflow models with InferenceService": one input for each column.
    "wine": _contract(
        "mlflow-v2-wine-classifier",
        [Feature(name, "number", minimum=0, maximum=100) for name in WINE],
        ("rows", "output-1", ""),
    ),
}


def weights(name: str) -> NDArray[np.float32]:
    """The weights of a model, one a feature."""
    return np.linspace(0.02, 0.2, len(MODELS[name].features), dtype=np.float32)


def scores(name: str, rows: Sequence[Sequence[float]]) -> list[float]:
    """What it answers, computed here."""
    logits = np.array(rows, np.float64) @ weights(name) + BIAS
    found: list[float] = (1 / (1 + np.exp(-logits))).tolist()
    return found


@dataclass(frozen=True, slots=True)
class Served:
    """One model, where it is served, and as which release."""

    address: str
    grpc: str
    digest: str

    def send(self, start: str, body: bytes = b"", *, json_length: int | None = None) -> Answer:
        """Sends a request whose first lines are those of an example, and reads the answer."""
        lengths = f"Content-Length: {len(body)}\n"
        if json_length is not None:
            lengths = f"Inference-Header-Content-Length: {json_length}\n{lengths}"
        head = f"{start.strip()}\n{lengths if body else ''}\n".replace("\n", "\r\n")
        host, _, port = self.address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(head.encode("ascii") + body)
            return _read(connection)

    def get(self, path: str) -> Answer:
        """`GET`, as all health and metadata."""
        return self.send(f"GET {path} HTTP/1.1\nHost: localhost:8000")

    def infer(self, asked: object, raw: bytes = b"", *, model: str = "mymodel") -> Answer:
        """`POST …/infer`, as the examples have it; `raw` is what is behind the JSON."""
        content = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
        kind = "octet-stream" if raw else "json"
        start = (
            f"POST /v2/models/{model}/infer HTTP/1.1\nHost: localhost:8000\n"
            f"Content-Type: application/{kind}"
        )
        return self.send(start, content + raw, json_length=len(content) if raw else None)


def _read(connection: socket.socket) -> Answer:
    with connection.makefile("rb") as file:
        first = file.readline().split()
        headers = {}
        while line := file.readline().strip():
            name, _, value = line.decode("ascii").partition(":")
            headers[name.lower()] = value.strip()
        return Answer(int(first[1]), headers, file.read(int(headers["content-length"])))


@contextmanager
def served(folder: Path, name: str) -> Iterator[Served]:
    """The model in a process of its own, on ports of this machine."""
    contract = MODELS[name]
    why = contract.reasons.tensor if contract.reasons else ""
    tensors = (contract.input_tensor, contract.output_tensor, why)
    model = logistic_regression(weights(name), BIAS, reasons=bool(why), names=tensors)
    release = packed(folder, model=model, contract=contract)
    launch = replace(release.launch(), listen="127.0.0.1:0", grpc="127.0.0.1:0", spool="")
    with started(launch) as process:
        assert process.event["event"] == "ready", process.event
        yield Served(process.address, str(process.event["grpc"]), release.image.digest.text)
        process.end()
