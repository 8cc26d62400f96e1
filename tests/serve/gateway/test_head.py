"""The quick reader of heads against llhttp: what both take they understand alike."""

import httptools
from hypothesis import example, given
from hypothesis import strategies as st

from goldenpath.serve.gateway.head import Lines
from tests.sizes import examples

LINES = [
    b"Host: h", b"host: other", b"Content-Length: 5", b"content-length: 7", b"Content-Length: 5, 5",
    b"Content-Length: +5", b"Content-Length : 5", b"Content-Length:5 ", b"Content-Length: 0x5",
    b"Transfer-Encoding: chunked", b"transfer-encoding:\tchunked", b"Transfer_Encoding: chunked",
    b"TE: trailers", b"Connection: close", b"Connection: keep-alive", b"Connection: Content-Length",
    b"Upgrade: h2c", b"Expect: 100-continue", b" folded", b"\tfolded", b"", b":", b"a:", b"nothing",
    b"X: a\rY: b", b"X: a\nContent-Length: 9", b"X: a\0b", b"X\0: a", b"X: \xe4",
    b"HTTP/1.1 200 OK",
    b"x-goldenpath-prediction-id: mine", b"x-goldenpath-shadow: 1", b"x-goldenpath-subject: 17",
    b"x-goldenpath-slot: r1", b"Proxy-Connection: keep-alive",
]  # fmt: skip
FIRST = [
    b"POST /a HTTP/1.1", b"GET /a?b=c HTTP/1.1", b"POST  /a HTTP/1.1", b"POST /a b HTTP/1.1",
    b"POST /a HTTP/1.0", b"POST http://other/a HTTP/1.1", b"PUT /a HTTP/1.1", b"POST /a HTTP/1.1 ",
    b"POST /\x80 HTTP/1.1", b"POST * HTTP/1.1", b"post /a HTTP/1.1",
]  # fmt: skip

heads = st.builds(
    lambda first, lines: b"\r\n".join([first, *lines]),
    st.sampled_from(FIRST),
    st.lists(st.one_of(st.sampled_from(LINES), st.binary(max_size=12)), max_size=5),
)


HIDDEN = (
    b"x-goldenpath-prediction-id", b"x-goldenpath-shadow", b"content-length", b"connection",
    b"expect",
)  # fmt: skip


class Judge:
    """What llhttp understands of a head."""

    def __init__(self, head: bytes) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.is_whole = self.keep_alive = False
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(head + b"\r\n\r\n")

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.is_whole = True
        # Once a message without a body is over, the parser has forgotten.
        self.keep_alive = bool(self.parser.should_keep_alive())

    def values(self, name: bytes) -> list[bytes]:
        return [value for known, value in self.headers if known == name]


@examples(100, 400)
@given(heads)
@example(b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked")
@example(b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5")
@example(b"POST /a HTTP/1.1\r\nHost: h\r\nConnection: close")
@example(b"POST /a HTTP/1.1\r\nHost: h\r\nX: a\r\n\r\nGET /b HTTP/1.1")
def test_a_head_that_is_taken_means_the_same_to_another_parser(head: bytes) -> None:
    lines = Lines()
    if b"\r\n\r\n" in head:
        head = head[: head.find(b"\r\n\r\n")]

    for _ in range(2):  # the second time from memory
        found = lines.request(head)
        if found is None:
            continue
        judge = Judge(head)
        assert judge.is_whole
        assert (judge.parser.get_method(), judge.url) == (found.method, found.target)
        assert judge.values(b"host") == [found.host]
        assert [int(each) for each in judge.values(b"content-length")] in ([found.length], [])
        assert not judge.values(b"transfer-encoding")
        assert judge.keep_alive is found.keep_alive
        passed = Judge(b"POST / HTTP/1.1\r\n" + found.lines.removesuffix(b"\r\n"))
        assert passed.headers == [pair for pair in judge.headers if pair[0] not in HIDDEN]


def test_what_a_line_meant_in_one_place_is_not_what_it_means_in_another() -> None:
    lines = Lines()
    status = b"HTTP/1.1 200 OK"

    assert lines.answer(status + b"\r\ncontent-length: 1") is not None
    assert lines.request(b"GET / HTTP/1.1\r\nhost: h\r\n" + status) is None
    assert lines.answer(b"content-length: 1\r\ncontent-length: 1") is None


def test_answers_that_cannot_be_passed_on_as_they_are_are_odd() -> None:
    good = b"HTTP/1.1 200 OK\r\ncontent-length: 3"
    lines = Lines()

    assert lines.answer(good) is not None
    for bad in (
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 204 No Content\r\ncontent-length: 3",
        b"HTTP/1.1 100 Continue\r\ncontent-length: 3",
        good + b"\r\ncontent-length: 4",
        good + b"\r\ntransfer-encoding: chunked",
        good + b"\r\nconnection: close",
        good + b"\r\nX: a\rY: b",
    ):
        assert lines.answer(bad) is None


def test_only_so_many_lines_are_remembered() -> None:
    lines = Lines()
    for number in range(3000):
        assert lines.request(b"GET / HTTP/1.1\r\nhost: h\r\nx: %d" % number) is not None

    assert len(lines._known) <= 1024
