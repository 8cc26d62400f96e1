"""Every reader of heads against every other: what two of them take, they understand alike."""

import asyncio
from dataclasses import dataclass

from hypothesis import example, given, settings

from goldenpath.http.exchange import Exchange
from goldenpath.http.heads import RequestHead
from goldenpath.http.limits import Limits
from goldenpath.http.listener import HttpListener
from goldenpath.http.server_connection import ServerConnection
from goldenpath.serve.gateway.fallback_reader import AnswerReader, RequestReader
from goldenpath.serve.gateway.gateway_client import _read
from goldenpath.serve.gateway.head import Lines
from goldenpath.serve.grpc.grpc_forward import _answer
from goldenpath.serve.request_fields import RULES
from tests.http.corpus import answer_heads, request_heads, streams

MANY = settings(max_examples=600, deadline=None)


@dataclass(frozen=True)
class Understood:
    """What a reader says of a request."""

    method: bytes
    target: bytes
    length: int
    keep_alive: bool


class _Taking:
    """An application that remembers what it was given."""

    def __init__(self) -> None:
        self.seen: list[Understood] = []

    def take(
        self, connection: ServerConnection, head: RequestHead, body: bytes, held: int
    ) -> Exchange:
        self.seen.append(Understood(head.method, head.target, len(body), head.keep_alive))
        return Exchange(connection, b"", b"", {}, b"", head.keep_alive, 0, "")

    def settle(self) -> None:
        """Nothing waits."""

    def refused(self, status: int, seconds: float) -> None:
        """Nobody counts."""


def _of_server(data: bytes) -> Understood | None:
    taking = _Taking()
    HttpListener(taking, Limits(), RULES).connect().data_received(data)
    return taking.seen[0] if taking.seen else None


def _of_gateway(data: bytes) -> Understood | None:
    reader = RequestReader(lambda _: True, lambda: None)
    reader.feed(data)
    if not reader.requests:
        return None
    head, body = reader.requests[0]
    return Understood(head.method, head.target, len(body), head.keep_alive)


def _of_lines(head: bytes) -> Understood | None:
    found = Lines().request(head)
    return (
        None
        if found is None
        else Understood(found.method, found.target, found.length, found.keep_alive)
    )


@MANY
@given(request_heads)
@example(b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked")
def test_three_readers_of_requests_understand_the_same(head: bytes) -> None:
    data = head + b"\r\n\r\n" + b"5\r\nabcde\r\n0\r\n\r\n"
    lines, server, gateway = _of_lines(head), _of_server(data), _of_gateway(data)
    for one, other in ((lines, server), (lines, gateway), (server, gateway)):
        is_usual = b" HTTP/1.1\r\n" in data and b"://" not in head
        if one is not None and other is not None and is_usual:
            assert one == other


@MANY
@given(streams)
def test_two_readers_of_streams_understand_the_same(data: bytes) -> None:
    server, gateway = _of_server(data), _of_gateway(data)
    if server and gateway:
        # The server keeps no connection of HTTP/1.0.
        assert (server.method, server.target, server.length) == (
            gateway.method,
            gateway.target,
            gateway.length,
        )


@MANY
@given(answer_heads)
def test_four_readers_of_answers_understand_the_same(head: bytes) -> None:
    data = head + b"\r\n\r\n" + b"abcde"
    plain = Lines().answer(head)
    if plain is None:
        return
    status, size, length, _ = plain
    assert size == len(head) + 4
    if length > 5:
        return
    reader = AnswerReader()
    try:
        odd = reader.feed(data[: size + length])
    except ValueError:
        odd = None
    assert odd is None or (odd.status, len(odd.body)) == (status, length)

    async def others() -> None:
        for read in (_answer, _read):
            stream = asyncio.StreamReader()
            stream.feed_data(data)
            stream.feed_eof()
            try:
                found = await read(stream)
            except (EOFError, ValueError, asyncio.LimitOverrunError):
                continue
            if len(found) == 3:
                told, body = found[0], found[2]
            else:
                told, body = found[0].status, found[0].body
            assert (told, len(body)) == (status, length)

    asyncio.run(others())
