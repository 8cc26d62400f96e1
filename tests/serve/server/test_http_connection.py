"""The wire: order, limits, slow and hostile clients."""

import asyncio
import json
from pathlib import Path

import pytest

from goldenpath.http.limits import Limits
from goldenpath.http.listener import HttpListener
from goldenpath.http.messages.exchange import Exchange
from goldenpath.http.messages.heads import FieldRules, RequestHead
from goldenpath.http.server_connection import ServerConnection
from tests.serve.running import (
    INFER,
    ROW,
    Client,
    Running,
    expected,
    question,
    records,
    request,
    run,
    running,
)

BODY = json.dumps(question(ROW)).encode()


async def _said(server: Running, content: bytes) -> Client:
    client = await server.connect()
    await client.send(content)
    return client


def test_hundreds_of_concurrent_requests_get_their_own_answers(tmp_path: Path) -> None:
    async def caller(server: Running, number: int) -> None:
        client = await server.connect()
        for turn in range(10):
            rows = [[float(number), 18.0 + turn, float(turn % 3), 1.0]] * (1 + number % 3)
            body = json.dumps(question(*rows, id=f"{number}/{turn}")).encode()
            await client.send(request("POST", INFER, body))
            answer = await client.receive()
            value = json.loads(answer.body)
            assert value["id"] == f"{number}/{turn}"
            assert value["outputs"][0]["data"] == pytest.approx(expected(rows), abs=1e-6)
        client.close()

    async def main() -> None:
        async with running(tmp_path) as server:
            await asyncio.gather(*(caller(server, number) for number in range(200)))

    run(main)
    found = records(tmp_path / "spool")
    assert [record.sequence for record in found] == list(range(2000))
    assert len({record.prediction_id for record in found}) == 2000


def test_pipelined_requests_are_answered_in_their_order(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as server:
            parts = []
            for number in range(300):
                body = json.dumps(question(ROW, id=str(number))).encode()
                parts.append(request("POST", INFER, body))
                parts.append(request("GET", "/v2/health/live"))
            client = await server.connect()
            sending = asyncio.create_task(client.send(b"".join(parts)))
            for number in range(300):
                assert (await client.receive()).json()["id"] == str(number)
                assert (await client.receive()).json() == {"live": True}
            await sending
            client.close()

    run(main)


def test_a_request_may_come_in_pieces_and_in_chunks(tmp_path: Path) -> None:
    chunked = (
        b"POST %b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" % INFER.encode()
        + b"%x\r\n%b\r\n" % (10, BODY[:10])
        + b"%x;note=1\r\n%b\r\n0\r\n\r\n" % (len(BODY) - 10, BODY[10:])
    )

    async def main() -> None:
        async with running(tmp_path) as server:
            client = await server.connect()
            for content in (request("POST", INFER, BODY), chunked):
                for start in range(0, len(content), 7):
                    await client.send(content[start : start + 7])
                    await asyncio.sleep(0)
                assert (await client.receive()).status == 200
            client.close()

    run(main)


SMUGGLED = {
    "both lengths": b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both, the other way": b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 0\r\nContent-Length: 5\r\n\r\nGET /",
    "the same length twice": b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "a signed length": b"Content-Length: +3\r\n\r\nabc",
    "a list of lengths": b"Content-Length: 3, 3\r\n\r\nabc",
    "both, and unknown": b"Transfer-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    "chunked twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "space before the colon": b"Content-Length : 3\r\n\r\nabc",
    "folded header": b"X: a\r\n b\r\n\r\n",
    "bare line feeds": b"X: a\n\n",
    "zero in a header": b"X: a\x00b\r\n\r\n",
    "two hosts": b"Host: y\r\n\r\n",
    "bad chunk size": b"Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_what_two_parsers_may_read_differently_is_refused_and_closed(
    tmp_path: Path, name: str
) -> None:
    async def main() -> None:
        async with running(tmp_path) as server:
            head = b"POST %b HTTP/1.1\r\nHost: x\r\n" % INFER.encode()
            client = await _said(server, head + SMUGGLED[name])
            assert (await client.receive()).status == 400
            assert await client.reader.read() == b""
            client.close()

    run(main)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 20_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999999999999\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nExpect: gold\r\nContent-Length: 1\r\n\r\n", 417),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 501),
    ],
)
def test_limits_and_other_protocols_are_answered_and_closed(
    tmp_path: Path, content: bytes, status: int
) -> None:
    async def main() -> None:
        async with running(tmp_path) as server:
            client = await _said(server, content)
            assert (await client.receive()).status == status
            assert await client.reader.read() == b""
            client.close()

    run(main)


def test_a_chunked_body_and_a_trailer_have_limits_too(tmp_path: Path) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    endless = {
        "chunks": b"400\r\n" + b"a" * 1024 + b"\r\n",
        "trailer": b"a" * 1024,
    }

    async def main() -> None:
        async with running(tmp_path, limits=Limits(body=4096)) as server:
            for name, piece in endless.items():
                client = await _said(server, head + (b"0\r\nX: " if name == "trailer" else b""))
                reading = asyncio.create_task(client.receive())
                while not reading.done():
                    client.writer.write(piece)
                    await asyncio.sleep(0.001)
                assert (await reading).status in (413, 431)
                client.close()

    run(main)


def test_a_client_that_waits_for_100_continue_gets_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as server:
            content = request("POST", INFER, BODY, {"expect": "100-continue"})
            head, _, body = content.partition(b"\r\n\r\n")
            client = await _said(server, head + b"\r\n\r\n")
            assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            await client.send(body)
            assert (await client.receive()).status == 200
            client.close()

    run(main)


def test_slow_clients_are_closed(tmp_path: Path) -> None:
    limits = Limits(head_time=0.2, body_time=0.2, idle_time=0.2)

    async def main() -> None:
        async with running(tmp_path, limits=limits) as server:
            slow_head = await _said(server, b"GET / HTTP/1.1\r\nHo")
            slow_body = await _said(server, request("POST", INFER, BODY)[:-5])
            idle = await _said(server, b"")
            assert (await slow_head.receive()).status == 408
            assert (await slow_body.receive()).status == 408
            for client in (slow_head, slow_body, idle):
                assert await client.reader.read() == b""
                client.close()

    run(main)


def test_a_client_that_sends_no_more_still_gets_its_answer(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as server:
            client = await _said(server, request("POST", INFER, BODY))
            client.writer.write_eof()
            assert (await client.receive()).status == 200
            assert await client.reader.read() == b""
            client.close()

    run(main)


def test_http_1_0_and_connection_close_end_the_connection(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as server:
            for content in (
                b"GET /v2/health/live HTTP/1.0\r\n\r\n",
                b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            ):
                client = await _said(server, content)
                answer = await client.receive()
                assert (answer.status, answer.headers["connection"]) == (200, "close")
                assert await client.reader.read() == b""
                client.close()

    run(main)


def test_too_many_connections_are_turned_away(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, limits=Limits(connections=3)) as server:
            clients = [await server.connect() for _ in range(3)]
            await clients[0].send(request("GET", "/v2/health/live"))
            assert (await clients[0].receive()).status == 200
            answer = await (await _said(server, b"")).receive()
            assert (answer.status, answer.headers["retry-after"]) == (503, "1")
            for client in clients:
                client.close()

    run(main)


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded"])
def test_what_a_browser_may_send_across_origins_is_not_taken(
    tmp_path: Path, media_type: str
) -> None:
    async def main() -> None:
        async with running(tmp_path) as server:
            answer = await server.ask(INFER, BODY, content_type=media_type)
            assert answer.status == 415
            assert "access-control-allow-origin" not in answer.headers

    run(main)
    assert records(tmp_path / "spool")[0].status == 415


def test_a_wrong_prediction_id_is_refused_and_not_echoed(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as server:
            answer = await server.ask(INFER, BODY, x_goldenpath_prediction_id="../../etc")
            assert answer.status == 400
            assert len(answer.headers["x-goldenpath-prediction-id"]) == 32

    run(main)


class _Taking:
    """An application that remembers what it was given."""

    def __init__(self) -> None:
        self.seen: list[Exchange] = []
        self.bodies: list[bytes] = []

    def take(
        self, connection: ServerConnection, head: RequestHead, body: bytes, held: int
    ) -> Exchange:
        self.bodies.append(body)
        return Exchange(connection, head.method, head.target, {}, b"", True, 0, "", None, held)

    def settle(self) -> None:
        """Nothing waits."""

    def refused(self, status: int, seconds: float) -> None:
        """Nobody counts."""


def test_a_connection_keeps_nothing_of_a_body_that_was_taken() -> None:
    taking = _Taking()
    listener = HttpListener(taking, Limits(), FieldRules(frozenset()))
    connection = listener.connect()

    for _ in range(2):
        for piece in (request("POST", "/", b"abc")[:-1], b"c"):
            connection.data_received(piece)

    assert taking.bodies == [b"abc", b"abc"]
    assert (connection._rest, bytes(connection._body)) == (b"", b"")


def test_a_body_is_let_go_once_it_was_read(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as server:
            taken: list[Exchange] = []
            accept = server.server.accept

            def remember(exchange: Exchange) -> None:
                taken.append(exchange)
                accept(exchange)

            server.server.accept = remember  # type: ignore[method-assign]
            assert (await server.ask(INFER, BODY)).status == 200
            assert [exchange.body for exchange in taken] == [b""]

    run(main)
