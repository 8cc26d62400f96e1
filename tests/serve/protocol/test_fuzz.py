"""Whatever is sent, the answer is a refusal or a prediction: no crash, no 5xx, no lost loop."""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator

import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goldenpath.serve.protocol import grpc_messages, inference_service
from goldenpath.serve.protocol.request_parameters import RequestParameters
from tests.serve.running import INFER, ROW, Running, expected, question, request, running
from tests.sizes import examples

SETTINGS = settings(examples(50, 150), suppress_health_check=[HealthCheck.function_scoped_fixture])
BINARY = json.dumps(
    {
        "inputs": [
            {
                "name": "features",
                "shape": [1, 4],
                "datatype": "FP32",
                "parameters": {"binary_data_size": 16},
            }
        ]
    }
).encode()
VALID = json.dumps(question(ROW)).encode()

MESSAGE = grpc_messages.render(
    "ModelInferRequest",
    {
        "model_name": "credit",
        "parameters": grpc_messages.text_parameters(
            {"subjects": '["a"]', "process": "loan", "reference_data": '[{"bureau": "one"}]'}
        ),
        "inputs": [
            {
                "name": "features",
                "datatype": "FP32",
                "shape": [1, 4],
                "contents": {"fp32_contents": ROW},
            }
        ],
    },
)

leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
value = st.recursive(
    leaf,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
numbers = st.lists(st.integers() | st.floats(width=32), min_size=3, max_size=5)
tensor = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["features", "limit", "age"]) | value,
        "shape": st.lists(st.integers(-1, 5), max_size=3) | value,
        "datatype": st.sampled_from(["FP32", "INT64", "BYTES"]) | value,
        "data": numbers | st.lists(numbers, max_size=2) | value,
    },
    optional={"parameters": st.fixed_dictionaries({"binary_data_size": st.integers()}) | value},
)
said = st.dictionaries(st.sampled_from([*RequestParameters.__struct_fields__]), value)
body = st.fixed_dictionaries(
    {"inputs": st.lists(tensor, max_size=5) | value},
    optional={
        "id": value,
        "parameters": said | value,
        "outputs": st.lists(st.fixed_dictionaries({"name": value}), max_size=2) | value,
    },
)
tabular = st.fixed_dictionaries(
    {"rows": st.lists(st.dictionaries(st.sampled_from(["limit", "age", "x"]), leaf)) | value},
    optional={"subjects": value, "id": value, "parameters": said | value},
)


def _mutated(valid: bytes) -> st.SearchStrategy[bytes]:
    return st.tuples(st.integers(0, len(valid) - 1), st.binary(max_size=6)).map(
        lambda change: valid[: change[0]] + change[1] + valid[change[0] + len(change[1]) :]
    )


Do = Callable[[Callable[[Running], Coroutine[None, None, None]]], None]


@pytest.fixture(scope="module")
def do(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Do]:
    """Does something with the one server of these tests, which has to survive all of it."""
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    context = None

    async def start() -> Running:
        nonlocal context
        context = running(tmp_path_factory.mktemp("fuzz"))
        return await context.__aenter__()

    async def stop() -> None:
        assert context is not None
        await context.__aexit__(None, None, None)

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(10)

    def do_it(something: Callable[[Running], Coroutine[None, None, None]]) -> None:
        asyncio.run_coroutine_threadsafe(something(server), loop).result(10)

    yield do_it
    do_it(_right)
    assert server.reports == []
    asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def _right(server: Running) -> None:
    answer = await server.ask(INFER, question(ROW))
    score = json.loads(answer.body)["outputs"][0]["data"][0]
    assert abs(score - expected([ROW])[0]) < 1e-6


def _answered_or_refused(do: Do, target: str, content: bytes, **headers: str) -> None:
    async def ask(server: Running) -> None:
        answer = await server.ask(target, content, **headers)
        assert answer.status in (200, 400, 422), answer.body
        answer.json()

    do(ask)


@SETTINGS
@given(body)
def test_any_json_is_answered_or_refused(do: Do, body: object) -> None:
    # What Python writes for NaN and infinity is not JSON; it is sent all the same.
    _answered_or_refused(do, INFER, json.dumps(body).encode())


@SETTINGS
@given(tabular)
def test_any_table_is_answered_or_refused(do: Do, body: object) -> None:
    _answered_or_refused(do, "/v1/models/credit/predict", json.dumps(body).encode())


@SETTINGS
@given(_mutated(VALID) | st.binary(max_size=50))
def test_any_bytes_are_answered_or_refused(do: Do, content: bytes) -> None:
    _answered_or_refused(do, INFER, content)


@SETTINGS
@given(st.integers(-5, 400) | st.just(len(BINARY)), st.binary(max_size=40))
def test_any_binary_tensor_is_answered_or_refused(do: Do, length: int, raw: bytes) -> None:
    header = {"inference_header_content_length": str(length)}
    _answered_or_refused(do, INFER, BINARY + raw, **header)


@SETTINGS
@given(_mutated(MESSAGE) | st.binary(max_size=50))
def test_any_message_is_answered_or_refused(do: Do, content: bytes) -> None:
    async def ask(server: Running) -> None:
        answer = await server.ask(inference_service.PREFIX + inference_service.INFER, content)
        assert answer.status in (200, 400, 404, 422), answer.body

    do(ask)


pieces = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\n",
        b"POST /v2/models/credit/infer HTTP/1.1\r\n",
        b"Host: x\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"Expect: 100-continue\r\n",
        b"\r\n",
        b"0\r\n\r\n",
        b"5\r\nabcde\r\n",
        request("POST", INFER, VALID),
    ]
) | st.binary(max_size=10)


@SETTINGS
@given(st.lists(pieces, max_size=8))
def test_any_stream_leaves_the_server_alive(do: Do, stream: list[bytes]) -> None:
    async def send(server: Running) -> None:
        client = await server.connect()
        for piece in stream:
            client.writer.write(piece)
            await asyncio.sleep(0)
        client.writer.write_eof()
        answers = await client.reader.read()
        assert b"HTTP/1.1 5" not in answers
        client.close()

    do(send)
