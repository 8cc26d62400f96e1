"""A server in this process, and a client that says exactly what a test wants said."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import uvloop

from goldenpath.http.access import Access
from goldenpath.http.limits import Limits
from goldenpath.project.spec import Band, Contract, DecisionPolicy, Feature, MonitorSettings
from goldenpath.serve.model.model import Model, ModelApart, OnnxModel, Rows, Scores
from goldenpath.serve.protocol.release_identity import ReleaseIdentity
from goldenpath.serve.record.spool import SpoolWriter
from goldenpath.serve.record.spool_format import SPOOL_VERSION, Answered, SpoolHeader
from goldenpath.serve.record.spool_reader import read
from goldenpath.serve.server.model_server import ModelServer
from goldenpath.serve.server.recorder import OnLoss
from tests.serve.onnx_graph import logistic_regression

CONTRACT = Contract(
    name="credit",
    features=(
        Feature("limit", "number", minimum=0, maximum=1_000_000),
        Feature("age", "number", minimum=18, maximum=100),
        Feature("status", "category", categories=(0.0, 1.0, 2.0)),
        Feature("paid", "number", missing=True),
    ),
    output="default",
    decision=DecisionPolicy(
        (Band("low", 0.2, "accept"), Band("mid", 0.6, "refer"), Band("high", 1.01, "decline"))
    ),
    monitor=MonitorSettings(),
)
WEIGHTS = np.array([-0.00001, 0.01, 0.5, 0.0], dtype=np.float32)
IDENTITY = ReleaseIdentity("prod", "credit", "r" + "a" * 12, "sha256:" + "a" * 64, "one")
INFER = "/v2/models/credit/infer"


class LinearModel:
    """A logistic regression as one dot product, `1 / (1 + exp(-(rows @ weights + bias)))`."""

    def __init__(self, weights: Scores, bias: float) -> None:
        self._weights = weights
        self._bias = np.float32(bias)

    def predict(self, rows: Rows) -> Scores:
        """The probability of each row."""
        # Far from zero the exponential overflows to infinity, and the score to 0: which is right.
        with np.errstate(over="ignore"):
            scores = 1.0 / (1.0 + np.exp(-(rows @ self._weights + self._bias)))
        return np.ascontiguousarray(scores, dtype=np.float32)


def onnx_model() -> OnnxModel:
    """The model of these tests in ONNX Runtime."""
    return OnnxModel(logistic_regression(WEIGHTS, -0.5), CONTRACT)


def linear_model() -> LinearModel:
    """The same without a runtime."""
    return LinearModel(WEIGHTS, -0.5)


def expected(rows: list[list[float]]) -> list[float]:
    """What the model answers, computed here."""
    scores: Scores = linear_model().predict(np.array(rows, dtype=np.float32))
    return [float(score) for score in scores]


@dataclass
class Answer:
    """An answer as it came over the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        """The body as an object."""
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value

    @property
    def error(self) -> str:
        """The message of a refusal."""
        message = self.json()["error"]
        assert isinstance(message, str)
        return message


@dataclass
class Running:
    """A server that listens, and what it reported."""

    server: ModelServer
    path: Path
    spool: SpoolWriter | None
    reports: list[str] = field(default_factory=list)
    clients: list["Client"] = field(default_factory=list)

    async def connect(self) -> "Client":
        """A new connection."""
        client = Client(*await asyncio.open_unix_connection(str(self.path)))
        self.clients.append(client)
        return client

    async def ask(self, target: str, body: object = None, **headers: str) -> Answer:
        """One request on a connection of its own; a body is posted as JSON."""
        client = await self.connect()
        try:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            method = "GET" if body is None else "POST"
            await client.send(request(method, target, b"" if body is None else content, headers))
            return await client.receive()
        finally:
            client.close()


@dataclass
class Client:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, content: bytes) -> None:
        """Sends bytes as they are."""
        self.writer.write(content)
        await self.writer.drain()

    async def receive(self) -> Answer:
        """The next answer."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("ascii").split("\r\n")[:-2]
        headers = {
            name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)
        }
        body = await self.reader.readexactly(int(headers["content-length"]))
        return Answer(int(first.split()[1]), headers, body)

    def close(self) -> None:
        """Ends the connection."""
        self.writer.close()


def request(
    method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> bytes:
    """A request as bytes; underscores in names of headers become hyphens."""
    lines = [f"{method} {target} HTTP/1.1", "host: test", f"content-length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def question(*rows: list[float], **more: object) -> dict[str, object]:
    """A request of the protocol with one tensor of all features."""
    tensor = {
        "name": "features",
        "shape": [len(rows), 4],
        "datatype": "FP32",
        "data": [value for row in rows for value in row],
    }
    return {"inputs": [tensor], **more}


ROW = [50_000.0, 40.0, 1.0, 100.0]


@asynccontextmanager
async def running(
    folder: Path,
    model: Model | ModelApart | None = None,
    *,
    limits: Limits | None = None,
    on_loss: OnLoss = "serve",
    spooling: bool = True,
    access: Access | None = None,
    contract: Contract = CONTRACT,
) -> AsyncIterator[Running]:
    """A server on a socket in `folder`, drained at the end."""
    reports: list[str] = []
    spool = writer(folder / "spool", reports.append) if spooling else None
    server = ModelServer(
        IDENTITY,
        contract,
        model or linear_model(),
        spool,
        report=reports.append,
        limits=limits,
        on_loss=on_loss,
        access=access,
    )
    server.warm_up()
    path = folder / "s"
    await server.listen(f"unix:{path}")
    here = Running(server, path, spool, reports)
    try:
        yield here
    finally:
        for client in here.clients:
            client.close()
        await server.drain(linger=0.0)
        if spool is not None:
            spool.close()


def writer(folder: Path, report: Callable[[str], None]) -> SpoolWriter:
    """A spool in `folder`."""
    names = [feature.name for feature in CONTRACT.features]
    header = SpoolHeader(
        SPOOL_VERSION, "prod", "credit", IDENTITY.slot, IDENTITY.digest, "one", names, 1
    )
    return SpoolWriter(folder, header, report=report)


def records(folder: Path) -> list[Answered]:
    """Every record of a spool folder."""
    found: list[Answered] = []
    for path in sorted(folder.glob("*.spool")):
        offset = 0
        while offset < path.stat().st_size:
            frames, after = read(path, offset)
            assert after > offset
            offset = after
            for frame in frames:
                if isinstance(frame, list):
                    found += frame
    return found


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Runs an asynchronous test on the loop that serves in production."""

    async def all_of_it() -> None:
        await asyncio.wait_for(main(), 30)

    uvloop.run(all_of_it())


__all__ = ["Rows", "Scores"]
