"""Heads and streams of requests and answers that readers of HTTP might read differently."""

import random

from hypothesis import strategies as st

from tests.serve.server.test_fuzz_process import HTTP_TOKENS, STREAM, mutated

LINES = [
    b"Host: h", b"host: other", b"Content-Length: 5", b"content-length: 7", b"Content-Length: 5, 5",
    b"Content-Length: +5", b"Content-Length : 5", b"Content-Length:5 ", b"Content-Length: 0x5",
    b"Content-Length: 005", b"Content-Length: ", b"Content-Length: 99999999999999999999",
    b"Transfer-Encoding: chunked", b"transfer-encoding:\tchunked", b"Transfer_Encoding: chunked",
    b"Transfer-Encoding: Chunked", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: gzip",
    b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding: xchunked", b"Transfer-Encoding:",
    b"Transfer-Encoding: identity", b"Transfer-Encoding : chunked",
    b"TE: trailers", b"Connection: close", b"Connection: keep-alive", b"Connection: X-Private",
    b"Connection: close, X-Private", b"X-Private: 1", b"Connection: Upgrade, HTTP2-Settings",
    b"Connection: keep-alive, close", b"Connection:", b"HTTP2-Settings: AAMAAABk",
    b"Upgrade: h2c", b"Upgrade: websocket", b"Expect: 100-continue", b"Expect: gold",
    b" folded", b"\tfolded", b"", b":", b"a:", b"nothing", b"X: a\rY: b",
    b"X: a\nContent-Length: 9", b"X: a\0b", b"X\0: a", b"X: \xe4", b"HTTP/1.1 200 OK",
    b"traceparent: 00-aa-bb-01", b"x-goldenpath-prediction-id: mine", b"x-goldenpath-shadow: 1",
    b"x-goldenpath-subject: 17", b"x-goldenpath-slot: r1", b"Proxy-Connection: keep-alive",
]  # fmt: skip
"""Header lines, whole or broken."""

REQUEST_LINES = [
    b"POST /a HTTP/1.1", b"GET /a?b=c HTTP/1.1", b"POST  /a HTTP/1.1", b"POST /a b HTTP/1.1",
    b"POST /a HTTP/1.0", b"POST http://other/a HTTP/1.1", b"PUT /a HTTP/1.1", b"POST /a HTTP/1.1 ",
    b"POST /\x80 HTTP/1.1", b"POST * HTTP/1.1", b"post /a HTTP/1.1", b"GET / HTTP/2.0",
    b"GET / HTTP/1.2", b"GET / HTTP/0.9", b"GET /", b"HEAD /a HTTP/1.1", b"OPTIONS * HTTP/1.1",
    b"CONNECT h:1 HTTP/1.1", b"GET https://h HTTP/1.1", b"GET http://h?x HTTP/1.1",
    b"GET //a HTTP/1.1", b"GET /a#b HTTP/1.1", b"BREW /a HTTP/1.1", b"GET /%zz HTTP/1.1",
    b"PRI * HTTP/2.0", b"GET a HTTP/1.1", b"GET http://u@h/a HTTP/1.1", b" GET /a HTTP/1.1",
]  # fmt: skip

STATUS_LINES = [
    b"HTTP/1.1 200 OK", b"HTTP/1.1 200 ", b"HTTP/1.1 200", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 No",
    b"HTTP/1.1 304 Not Modified", b"HTTP/1.1 100 Continue", b"HTTP/1.1 101 Switching Protocols",
    b"HTTP/1.1 999 X", b"HTTP/1.1 099 X", b"HTTP/1.1 20 X", b"HTTP/2.0 200 OK", b"HTTP/1.1  200 OK",
    b"HTTP/1.1 200 O\rK", b"http/1.1 200 OK", b"ICY 200 OK", b"HTTP/1.1 500 \xe4",
]  # fmt: skip

_USUAL = st.permutations([b"Host: h", b"Content-Length: 5", b"X: y"])
_ANY = st.lists(st.one_of(st.sampled_from(LINES), st.binary(max_size=12)), max_size=5)


def _head(first: bytes, lines: list[bytes]) -> bytes:
    whole = b"\r\n".join([first, *lines, b"", b""])
    return whole[: whole.find(b"\r\n\r\n")]


request_heads = st.builds(
    _head,
    st.sampled_from(REQUEST_LINES),
    st.one_of(_ANY, st.builds(lambda usual, odd: usual + odd, _USUAL, st.lists(
        st.sampled_from(LINES), max_size=2))),
)  # fmt: skip
"""Heads of requests without their empty line, every second one nearly right."""

answer_heads = st.builds(
    _head,
    st.sampled_from(STATUS_LINES),
    st.one_of(_ANY, st.lists(st.sampled_from(LINES), max_size=2)),
)


def _spoiled(seed: int) -> bytes:
    return mutated(random.Random(seed), STREAM, HTTP_TOKENS)  # noqa: S311 - spoils requests


streams = st.integers(0, 100_000).map(_spoiled)
"""Whole requests with a few bytes changed, as the fuzz test of the process makes them."""
