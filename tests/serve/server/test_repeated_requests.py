"""With a head it knows or without, a connection takes the same requests and says the same."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldenpath.http.limits import Limits
from goldenpath.http.listener import HttpListener
from goldenpath.http.messages.exchange import Exchange, respond
from goldenpath.http.messages.heads import RequestHead
from goldenpath.http.messages.patterns import OFTEN, PATIENCE, HeadPatterns, RepeatedHead
from goldenpath.http.server_connection import ServerConnection
from goldenpath.serve.request_fields import RULES, VARYING
from tests.sizes import examples

LIMITS = Limits(head=400, body=64)
HEAD = (
    b"POST /v2/models/credit/infer HTTP/1.1\r\nHost: h\r\nauthorization: Bearer x\r\n"
    b"traceparent: 00-aa-bb-01\r\nContent-Length: 4\r\nX-Request-Id: one\r\naccept: */*\r\n\r\n"
)
READY = b"GET /v2/health/ready HTTP/1.1\r\nHost: h\r\n\r\n"
Taken = tuple[bytes, bytes, dict[bytes, bytes], bytes, bool]


class _Transport(asyncio.Transport):
    """What a connection writes, and whether it ended."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def write_eof(self) -> None:
        self.written.append(b"(end)")

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        """Nothing comes by itself."""

    def resume_reading(self) -> None:
        """Nothing comes by itself."""

    def close(self) -> None:
        self.written.append(b"(closed)")


class _Client:
    """One connection, and what was understood over it; each request is answered at once."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.listener = HttpListener(self, LIMITS, RULES, VARYING)
        self.transport = _Transport()
        self.connection = self.listener.connect()
        self.connection.connection_made(self.transport)

    def take(
        self, connection: ServerConnection, head: RequestHead, body: bytes, held: int
    ) -> Exchange:
        self.taken.append((head.method, head.target, dict(head.fields), body, head.keep_alive))
        fields = head.fields.copy()
        exchange = Exchange(
            connection, head.method, head.target, fields, body, head.keep_alive, 0, "", None, held
        )
        fields.clear()  # as who takes a token out does
        respond(exchange, 200, len(self.taken))
        return exchange

    def settle(self) -> None:
        """Nothing waits."""

    def refused(self, status: int, seconds: float) -> None:
        """Nobody counts."""

    def send(self, *pieces: bytes) -> tuple[list[Taken], list[bytes]]:
        """What came of it."""
        self.taken, self.transport.written = [], []
        for piece in pieces:
            self.connection.data_received(piece)
        return self.taken, self.transport.written


def _knowing() -> _Client:
    """A client whose head is a pattern by now."""
    client = _Client()
    for number in range(OFTEN + 1):
        client.send(HEAD.replace(b"one", b"%d" % number) + b"body")
    return client


def _both(*pieces: bytes) -> list[Taken]:
    """What both understand; they have to agree, on what they say as well."""
    client = _knowing()
    mine, written = client.send(*pieces)
    theirs, expected = _Client().send(*pieces)
    assert mine == theirs
    assert written == expected
    # And whatever it was, the next one is understood if the connection is still good.
    if written and b"(end)" not in written:
        assert client.send(HEAD + b"next")[0][0][3] == b"next"
    return mine


def test_a_head_that_is_known_is_taken_without_the_parser() -> None:
    patterns, reader = HeadPatterns(VARYING), HttpListener(_Client(), LIMITS, RULES).reader
    for _ in range(OFTEN):
        known = RepeatedHead(HEAD, reader.read(HEAD[:-4]), patterns.of(HEAD))
    before = dict(known.head.fields)

    other = HEAD.replace(b"aa-bb", b"cc-dd").replace(b": 4", b": 6")
    assert known.read(other + b"longer")
    assert (known.size, known.head.length) == (len(other), 6)
    assert known.head.fields == before | {b"traceparent": b"00-cc-dd-01"}


@pytest.mark.parametrize(
    "pieces",
    [
        (HEAD + b"body",),
        (HEAD.replace(b"00-aa-bb-01", b"00-cc-dd-00") + b"body",),
        (HEAD.replace(b": 4", b": 0"),),
        (HEAD.replace(b": 4", b":  3 ") + b"abc",),
        (HEAD.replace(b": 4", b": 004") + b"body",),
        (HEAD.replace(b"00-aa-bb-01", b"") + b"body",),
        (HEAD.replace(b"00-aa-bb-01", b"a b") + b"body",),
        (HEAD.replace(b"00-aa-bb-01", b"\xff") + b"body",),
        (HEAD.replace(b"00-aa-bb-01", b"a\x00b") + b"body",),
        (HEAD.replace(b"00-aa-bb-01", b"a\nb") + b"body",),
        (HEAD.replace(b"00-aa-bb-01", b"a\r\ntraceparent: b") + b"body",),
        (HEAD.replace(b"00-aa-bb-01", b"a\r\nTransfer-Encoding: chunked") + b"body",),
        (HEAD.replace(b"00-aa-bb-01", b"a" * 400) + b"body",),
        (HEAD.replace(b": 4", b": 65") + b"x" * 65,),
        (HEAD.replace(b": 4", b": 4\r\nContent-Length: 4") + b"body",),
        (HEAD.replace(b"*/*", b"*/*\r\nconnection: close") + b"body",),
        (HEAD.replace(b"*/*", b"*/*\r\nexpect: 100-continue") + b"body",),
        (HEAD.replace(b"1.1", b"1.0") + b"body",),
        (HEAD + b"body" + HEAD + b"more",),
        (HEAD + b"bodyandmore",),
        (HEAD + b"bo", b"dy"),
        (HEAD[:50], HEAD[50:] + b"body"),
        (HEAD + b"body", READY, HEAD + b"more"),
        (READY, HEAD + b"body"),
        (b"\r\n" + HEAD + b"body",),
    ],
)
def test_both_ways_understand_the_same(pieces: tuple[bytes, ...]) -> None:
    _both(*pieces)


@given(st.binary(max_size=12), st.integers(0, len(HEAD)), st.integers(0, 12))
@examples(100, 300)
def test_whatever_bytes_come_both_ways_understand_the_same(
    noise: bytes, place: int, gone: int
) -> None:
    _both(HEAD[:place] + noise + HEAD[place + gone :] + b"body")


def test_who_sends_a_new_head_each_time_is_parsed() -> None:
    client = _Client()
    for number in range(PATIENCE * 2):
        head = HEAD.replace(b"accept", b"x-%d" % number)
        assert client.send(head + b"body") == _Client().send(head + b"body")
