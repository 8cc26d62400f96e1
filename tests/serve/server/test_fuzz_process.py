"""Thousands of wrong requests at a server process: no crash, no 5xx, no silence, and its memory.

Seeded, so that a failure comes back. Memory is stated in MiB over what the process holds once it is
warm: `LEFT` at the end, and `PEAK` while a body of the largest size is read, of which Python makes
up to 28 times its bytes, and the library of gRPC up to 46 times those of a message, before anybody
can count what is in it.
"""

import json
import random
import re
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import grpc
import numpy as np
import pytest

from goldenpath.http.limits import Limits
from goldenpath.serve.protocol import grpc_messages, inference_service
from tests.serve.conformance import BIAS, MODELS, scores, weights
from tests.serve.onnx_graph import logistic_regression
from tests.serve.process import Process, packed, started
from tests.serve.running import Answer, records
from tests.sizes import at_size

LEFT, PEAK, PEAK_OF_MESSAGES = 48, 256, 416
CONTRACT = MODELS["three"]
INFER, PREDICT = "/v2/models/mymodel/infer", "/v1/models/mymodel/predict"
CALL = inference_service.PREFIX + inference_service.INFER

ROWS = [[1.5, 2.0, 1.0], [4.0, 0.0, 0.0]]
COLUMNS = [
    {"name": "input0", "shape": [2], "datatype": "FP32", "data": [1.5, 4.0]},
    {"name": "input1", "shape": [2, 1], "datatype": "UINT32", "data": [[2], [0]]},
    {"name": "input2", "shape": [2], "datatype": "BYTES", "data": ["yes", "no"]},
]
JSON = {
    "id": "42",
    "parameters": {
        "subjects": ["a", "b"],
        "binary_data_output": False,
        "process": "loans",
        "channel": "web",
        "oversight": "automatic",
        "features_at": "2026-11-23T10:00:00Z",
        "reference_data": [{"register": "17"}, {}],
    },
    "inputs": COLUMNS,
    "outputs": [{"name": "output0", "parameters": {"binary_data": False}}],
}
TABLE = {"rows": [{"input0": 1.5, "input1": 2, "input2": "yes"}], "subjects": ["a"], "id": "1"}
SIZES = {"input0": 8, "input1": 8, "input2": 13}
BINARY_HEAD = json.dumps({
    "inputs": [
        {"name": name, "shape": [2], "datatype": kind, "parameters": {"binary_data_size": size}}
        for (name, size), kind in zip(SIZES.items(), ("FP32", "UINT32", "BYTES"), strict=True)
    ],
    "parameters": {"binary_data_output": True},
}).encode()  # fmt: skip
TEXTS = b"\x03\x00\x00\x00yes\x02\x00\x00\x00no"
RAW = np.array([1.5, 4], "<f4").tobytes() + np.array([2, 0], "<u4").tobytes() + TEXTS
MESSAGE = grpc_messages.render(
    "ModelInferRequest",
    {
        "model_name": "mymodel",
        "parameters": grpc_messages.text_parameters({"subjects": '["a", "b"]'}),
        "inputs": [
            {"name": "input0", "datatype": "FP32", "shape": [2],
             "contents": {"fp32_contents": [1.5, 4]}},
            {"name": "input1", "datatype": "UINT8", "shape": [2],
             "contents": {"uint_contents": [2, 0]}},
            {"name": "input2", "datatype": "BYTES", "shape": [2],
             "contents": {"bytes_contents": [b"yes", b"no"]}},
        ],
    },
)  # fmt: skip
STREAM = (
    f"POST {INFER} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    f"Content-Length: {len(json.dumps(JSON))}\r\n\r\n{json.dumps(JSON)}"
).encode()

ODD: list[object] = [
    None, True, 0, -1, 1.5, 2**63, 2**64, 10**40, 1e308, "", "x" * 300, "\ud800", "FP32", "BOOL",
    "BYTES", "BF16", [], [[]], {}, [None], {"a": 1}, [[[1]]],
]  # fmt: skip
JSON_TOKENS = [b"null", b"true", b"[", b"]", b"{", b"}", b'"', b",", b":", b"-", b"1e999", b"NaN",
               b"Infinity", b"0" * 40, b"\\ud800", b"\xff", b'"data":', b"[[[[[[[["]  # fmt: skip
HTTP_TOKENS = [b"\r\n", b"\n", b"\0", b":", b" ", b"Transfer-Encoding: chunked\r\n",
               b"Content-Length: 5\r\n", b"Connection: close\r\n", b"Expect: 100-continue\r\n",
               b"Upgrade: h2c\r\nConnection: upgrade\r\n", b"HTTP/1.0", b"GET / HTTP/1.1\r\n",
               b"inference-header-content-length: 9\r\n", b"5\r\nabcde\r\n0\r\n\r\n",
               b"0\r\n\r\n", b"Host: b\r\n", b"x" * 20_000, b"\x16\x03\x01"]  # fmt: skip
WIRE_TOKENS = [b"\xff" * 9 + b"\x01", b"\0", b"\x7f", b"\x80", b"\x2a", b"\x3a\x04abcd", b"\x08"]


def mutated(source: random.Random, valid: bytes, tokens: list[bytes]) -> bytes:
    """`valid` with a few things cut, doubled, flipped or put in."""
    found = valid
    for _ in range(source.choice((1, 1, 1, 2, 4))):
        at = source.randint(0, len(found))
        end = min(len(found), at + source.randint(1, 12))
        match source.randrange(5):
            case 0:
                found = found[:at] + found[end:]
            case 1:
                found = found[:end] + found[at:]
            case 2:
                found = found[:at] + source.randbytes(end - at) + found[end:]
            case 3:
                found = found[:at] + source.choice(tokens) + found[at:]
            case _:
                found = found[:at] + source.choice(tokens) + found[end:]
    return found


def twisted(source: random.Random, value: object) -> object:
    """A JSON value with one place in it replaced by something odd."""
    if isinstance(value, dict) and value and source.random() < 0.9:
        key = source.choice(list(value))
        return {**value, key: twisted(source, value[key])}
    if isinstance(value, list) and value and source.random() < 0.8:
        place = source.randrange(len(value))
        return [*value[:place], twisted(source, value[place]), *value[place + 1 :]]
    return source.choice(ODD)


@dataclass
class Server:
    """A server process, and one connection to it that is renewed where the server closes it."""

    process: Process
    statuses: Counter[int]
    connection: socket.socket | None = None

    def connect(self) -> socket.socket:
        """A new connection."""
        host, _, port = self.process.address.rpartition(":")
        return socket.create_connection((host, int(port)), timeout=30)

    def ask(self, target: str, body: bytes, json_length: int | None = None) -> Answer:
        """One whole request with this body; its answer has a status and says why."""
        if self.connection is None:
            self.connection = self.connect()
        behind = (
            "" if json_length is None else f"inference-header-content-length: {json_length}\r\n"
        )
        head = f"POST {target} HTTP/1.1\r\nhost: a\r\n{behind}content-length: {len(body)}\r\n\r\n"
        self.connection.sendall(head.encode() + body)
        answer = _read(self.connection)
        assert answer.status < 500, (target, body[:400], answer.body)
        if answer.status != 200:
            assert answer.error
        if answer.headers.get("connection") == "close":
            self.connection.close()
            self.connection = None
        self.statuses[answer.status] += 1
        return answer

    def stream(self, content: bytes) -> None:
        """Bytes on a connection of their own, to the end."""
        with closing(self.connect()) as connection:
            connection.sendall(content)
            connection.shutdown(socket.SHUT_WR)
            received = b""
            while piece := connection.recv(1 << 16):
                received += piece
        found = re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", received)
        assert not [status for status in found if status >= b"500"], (content, received)
        self.statuses.update(map(int, found))

    def memory(self, kind: str) -> float:
        """MiB that the process holds, or ever held."""
        text = Path(f"/proc/{self.process.child.pid}/status").read_text()
        found = re.search(rf"{kind}:\s+(\d+) kB", text)
        assert found is not None
        return int(found[1]) / 1024

    def is_right(self) -> None:
        """It still answers, and says what is so."""
        answer = self.ask(INFER, json.dumps(JSON).encode())
        data = json.loads(answer.body)["outputs"][0]["data"]
        assert data == pytest.approx(scores("three", ROWS), abs=1e-6)


def _read(connection: socket.socket) -> Answer:
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(1 << 16)
        assert piece, "the server closed the connection without an answer"
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    while len(body) < int(headers["content-length"]):
        body += connection.recv(1 << 16)
    return Answer(int(first.split()[1]), headers, body)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("fuzz")
    names = ("input", "output0", "output1")
    model = logistic_regression(weights("three"), BIAS, reasons=True, names=names)
    release = packed(folder, model=model, contract=CONTRACT)
    launch = replace(release.launch(), listen="127.0.0.1:0", grpc="127.0.0.1:0")
    with started(launch) as process:
        assert process.event["event"] == "ready", process.event
        found = Server(process, Counter())
        yield found
        found.is_right()
        assert found.connection is not None
        found.connection.close()
        said = process.end()
    # Whatever came, it was counted, and what asked for a prediction stands in the record.
    assert said["event"] == "drained" and said["lost"] == 0
    assert said["answered"] == len(records(folder / "spool"))


Case = Callable[[random.Random, Server], object]
CASES: dict[str, tuple[int, Case]] = {
    "JSON, twisted": (
        1500,
        lambda source, to: to.ask(INFER, json.dumps(twisted(source, JSON)).encode()),
    ),
    "JSON, mutated": (
        1500,
        lambda source, to: to.ask(
            INFER, mutated(source, json.dumps(JSON).encode(), JSON_TOKENS)
        ),
    ),
    "tables, twisted": (
        500,
        lambda source, to: to.ask(PREDICT, json.dumps(twisted(source, TABLE)).encode()),
    ),
    "tables, mutated": (
        500,
        lambda source, to: to.ask(
            PREDICT, mutated(source, json.dumps(TABLE).encode(), JSON_TOKENS)
        ),
    ),
    "binary tensors": (
        1000,
        lambda source, to: to.ask(
            INFER,
            BINARY_HEAD + mutated(source, RAW, WIRE_TOKENS),
            len(BINARY_HEAD) + source.choice((0, 0, 0, 0, -1, 1, 5, 10**6)),
        ),
    ),
    "heads of binary tensors": (
        1000,
        lambda source, to: _ask_binary(source, to),
    ),
    "messages": (1500, lambda source, to: to.ask(CALL, mutated(source, MESSAGE, WIRE_TOKENS))),
    "streams": (1500, lambda source, to: to.stream(mutated(source, STREAM, HTTP_TOKENS))),
    "noise": (300, lambda source, to: to.stream(source.randbytes(source.randint(1, 300)))),
}  # fmt: skip


def _ask_binary(source: random.Random, to: Server) -> Answer:
    head = mutated(source, BINARY_HEAD, [*JSON_TOKENS, b"13", b"-8", b"99999999999999999999"])
    return to.ask(INFER, head + RAW, len(head))


@pytest.fixture(scope="module")
def warm(server: Server) -> float:
    """MiB once everything was asked for a few times."""
    source = random.Random(0)  # noqa: S311 - spoils requests, no secret
    for _, case in CASES.values():
        for _ in range(30):
            case(source, server)
    server.is_right()
    return server.memory("VmRSS")


@pytest.mark.parametrize("kind", CASES)
def test_nothing_that_is_wrong_crashes_it_or_is_its_fault(
    server: Server, warm: float, kind: str
) -> None:
    most, case = CASES[kind]
    number = most // at_size(3, 1)
    source = random.Random(kind)  # noqa: S311 - as above
    before = server.statuses.copy()

    for _ in range(number):
        case(source, server)

    server.is_right()
    found = server.statuses - before
    # Most of it was understood as wrong: so what was sent was no longer right, and not all alike.
    assert sum(found[status] for status in (400, 404, 413, 415, 422, 431)) > number / 5, found
    assert server.memory("VmRSS") - warm < LEFT


def test_nothing_wrong_over_grpc_is_its_fault(server: Server, warm: float) -> None:
    source = random.Random(7)  # noqa: S311 - as above
    codes: Counter[str] = Counter()
    with grpc.insecure_channel(str(server.process.event["grpc"])) as channel:
        ask = channel.unary_unary(CALL)
        assert ask(MESSAGE, timeout=20)
        for _ in range(300):
            try:
                ask(mutated(source, MESSAGE, WIRE_TOKENS), timeout=20)
            except grpc.RpcError as error:
                codes[error.code().name] += 1

    assert codes.keys() <= {"INVALID_ARGUMENT", "NOT_FOUND"}
    assert codes["INVALID_ARGUMENT"] > 60
    server.is_right()
    assert server.memory("VmRSS") - warm < LEFT


def _full(start: bytes, unit: bytes, end: bytes) -> bytes:
    """A body of the largest size that is taken."""
    return start + unit * ((Limits().body - len(start) - len(end)) // len(unit)) + end


_DATA = b'{"inputs":[{"name":"input","shape":[1,3],"datatype":"FP32","data":['
_TENSOR = b'{"name":"a","shape":[],"datatype":"b"}'
LARGEST = {
    "numbers": (_DATA, b"1,", b"1]}]}"),
    "objects": (_DATA, b'{"a":1},', b"1]}]}"),
    # Names that are compared each with each would take minutes.
    "tensors": (b'{"inputs":[', _TENSOR + b",", _TENSOR + b"]}"),
    "one name": (b'{"inputs":[{"name":"', b"a", b'","shape":[1],"datatype":"FP32"}]}'),
    "nested": (_DATA, b"[", b""),
}


def test_a_body_in_the_smallest_chunks_takes_no_more_than_its_bytes(
    server: Server, warm: float
) -> None:
    before = server.memory("VmHWM")
    with closing(server.connect()) as connection:
        head = f"POST {INFER} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
        connection.sendall(head.encode() + b"2\r\n[[\r\n" * 1_000_000)
        # Everything was read, for this is answered after it; the last of it is refused.
        connection.sendall(b"0\r\n\r\n")
        assert _read(connection).status == 400

    assert server.memory("VmHWM") - before < 24
    assert server.memory("VmRSS") - warm < LEFT


_START = MESSAGE[:9]
"""The name of the model."""
LARGEST_MESSAGES = {
    "inputs that say nothing": (_START, b"\x2a\x00", b""),
    "outputs that say nothing": (_START, b"\x32\x00", b""),
    "raw contents that say nothing": (_START, b"\x3a\x00", b""),
    "fields that nobody knows": (_START, b"\xfa\x06\x00", b""),
}


def test_the_largest_bodies_are_refused_and_their_memory_is_given_back(
    server: Server, warm: float
) -> None:
    for parts in [*LARGEST.values()][:: at_size(2, 1)]:
        answer = server.ask(INFER, _full(*parts))
        assert answer.status == 400
        assert len(answer.body) < 2000
    assert server.memory("VmHWM") - warm < PEAK
    for parts in [*LARGEST_MESSAGES.values()][:: at_size(2, 1)]:
        answer = server.ask(CALL, _full(*parts))
        assert answer.status == 400
        assert len(answer.body) < 2000

    server.is_right()
    assert server.memory("VmHWM") - warm < PEAK_OF_MESSAGES
    assert server.memory("VmRSS") - warm < LEFT
