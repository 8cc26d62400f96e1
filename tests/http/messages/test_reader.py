"""The reader of heads against llhttp: what ours takes, llhttp takes alike.

Where ours refuses what llhttp takes, the reason stands in a table with an example.
"""

from dataclasses import dataclass, field

import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from goldenpath.http.messages.heads import CHUNKED, UNTIL_CLOSE, BadMessage, FieldRules, RequestHead
from goldenpath.http.messages.reader import REMEMBERED_LINES, AnswerReader, RequestReader
from tests.http.messages.corpus import answer_heads, request_heads
from tests.sizes import examples

MANY = examples(200, 1500)
RULES = FieldRules(
    frozenset({b"x-goldenpath-subject", b"x-goldenpath-slot", b"traceparent"}),
    frozenset({b"x-goldenpath-prediction-id", b"x-goldenpath-shadow"}),
)
HIDDEN = (
    *RULES.dropped, b"content-length", b"connection", b"expect", b"te", b"upgrade",
    b"proxy-connection", b"http2-settings", b"transfer-encoding",
)  # fmt: skip

H = b"\r\nHost: h"
STRICTER = {
    "the request line is not valid": b"GET / HTTP/2.0" + H,
    "the method is not known": b"PURGE / HTTP/1.1" + H,
    "the target is not a path, and no address of http": b"GET * HTTP/1.1" + H,
    "the header host is missing": b"GET / HTTP/1.1",
    "the header host is given twice": b"GET / HTTP/1.1" + H + H,
    "host is not a name and a port": b"GET / HTTP/1.1\r\nHost: a/b",
    "the header x-goldenpath-subject is given twice": (
        b"GET / HTTP/1.1" + H + b"\r\nx-goldenpath-subject: a\r\nX-Goldenpath-Subject: b"
    ),
    "the header traceparent is given twice": (
        b"GET / HTTP/1.1" + H + b"\r\ntraceparent: a\r\ntraceparent: b"
    ),
    "the header x-goldenpath-slot is given twice": (
        b"GET / HTTP/1.1" + H + b"\r\nx-goldenpath-slot: a\r\nx-goldenpath-slot: a"
    ),
    "the header transfer-encoding is given twice": (
        b"POST / HTTP/1.1" + H + b"\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked"
    ),
    "the transfer-encoding is not supported": (
        b"POST / HTTP/1.1" + H + b"\r\nTransfer-Encoding: gzip, chunked"
    ),
    "HTTP/1.0 knows no transfer-encoding": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked",
    "content-length is not a number of bytes": (
        b"POST / HTTP/1.1" + H + b"\r\nContent-Length: 0000000000005"
    ),
    "expected the expectation 100-continue": b"POST / HTTP/1.1" + H + b"\r\nExpect: gold",
    "the header host is not for one connection only": (
        b"GET / HTTP/1.1" + H + b"\r\nConnection: Host"
    ),
    "the head is too large": b"GET / HTTP/1.1" + H + b"\r\nX: y" * 100,
}  # fmt: skip
"""Why ours refuses what llhttp takes, each with a head that shows it."""

LOOSER_ANSWERS = {
    "the status line is not valid": b"HTTP/2.0 200 OK\r\nContent-Length: 1",
    "the transfer-encoding is not supported": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip",
    "the header transfer-encoding is given twice": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked"
    ),
    "content-length is not a number of bytes": b"HTTP/1.1 200 OK\r\nContent-Length: 0000000000001",
    "HTTP/1.0 knows no transfer-encoding": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked",
}


@dataclass
class Llhttp:
    """What llhttp understands of a head."""

    url: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    is_whole: bool = False
    keep_alive: bool = False
    method: bytes = b""
    status: int = 0

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        self.is_whole = True
        # Once a message without a body is over, the parser has forgotten.
        self.keep_alive = bool(self.parser.should_keep_alive())

    def read(self, head: bytes, parser: type) -> "Llhttp | None":
        """Itself, if llhttp takes the head."""
        self.parser = parser(self)
        try:
            self.parser.feed_data(head + b"\r\n\r\n")
        except httptools.HttpParserUpgrade:
            pass
        except httptools.HttpParserError:
            return None
        return self if self.is_whole else None

    def values(self, name: bytes) -> list[bytes]:
        return [value for known, value in self.headers if known == name]


def _llhttp(head: bytes) -> Llhttp | None:
    return Llhttp().read(head, httptools.HttpRequestParser)


def reader() -> RequestReader:
    return RequestReader(RULES, longest=1 << 16, most=100)


def _agree(head: bytes, mine: RequestHead) -> None:
    theirs = _llhttp(head)
    assert theirs is not None
    assert theirs.parser.get_method() == mine.method
    assert theirs.url.endswith(mine.target) or mine.target in (b"/", b"/" + theirs.url[-2:])
    assert theirs.keep_alive == mine.keep_alive or theirs.parser.get_http_version() == "1.0"
    lengths = [int(value) for value in theirs.values(b"content-length")]
    if theirs.values(b"transfer-encoding"):
        assert (mine.length, lengths) == (CHUNKED, [])
    else:
        assert lengths in ([mine.length], [] if mine.length == 0 else [mine.length])
    if theirs.url.startswith(b"/"):
        assert theirs.values(b"host") in ([mine.fields.get(b"host")], [])
        passed = Llhttp().read(
            b"\r\n".join([b"POST / HTTP/1.1", *mine.lines]), httptools.HttpRequestParser
        )
        named = b",".join(theirs.values(b"connection")).lower().split(b",")
        gone = {*HIDDEN, *(name.strip() for name in named)}
        assert passed is not None
        assert passed.headers == [pair for pair in theirs.headers if pair[0] not in gone]


@MANY
@given(request_heads)
@example(b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked")
@example(b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5")
@example(b"POST /a HTTP/1.1\r\nHost: h\r\nConnection: close")
def test_what_is_taken_means_the_same_to_llhttp(head: bytes) -> None:
    one = reader()
    for _ in range(2):  # the second time from memory
        try:
            mine = one.read(head)
        except BadMessage as error:
            if _llhttp(head) is not None:
                assert error.message.partition(":")[0] in STRICTER, head
        else:
            _agree(head, mine)


@pytest.mark.parametrize("reason", STRICTER)
def test_llhttp_takes_what_the_table_names(reason: str) -> None:
    head = STRICTER[reason]
    assert _llhttp(head) is not None
    with pytest.raises(BadMessage) as error:
        reader().read(head)
    assert error.value.message.startswith(reason)


@MANY
@given(answer_heads, st.sampled_from([b"GET", b"HEAD", b"POST"]))
def test_an_answer_that_is_taken_means_the_same_to_llhttp(head: bytes, method: bytes) -> None:
    theirs = Llhttp().read(head, httptools.HttpResponseParser)
    try:
        mine = AnswerReader(longest=1 << 16, most=100).read(head, method)
    except BadMessage as error:
        if theirs is not None:
            assert error.message.partition(":")[0] in LOOSER_ANSWERS, head
        return
    assert theirs is not None
    assert theirs.parser.get_status_code() == mine.status
    assert theirs.headers == mine.fields
    if mine.length > 0:
        assert [int(value) for value in theirs.values(b"content-length")] == [mine.length]
    if mine.length == CHUNKED:
        assert theirs.values(b"transfer-encoding")
    if mine.length == UNTIL_CLOSE:
        assert not theirs.values(b"content-length") and not mine.keep_alive
    # Without a body llhttp knows more: that to HEAD there is none is only said by the request.
    if method != b"HEAD" and theirs.parser.get_http_version() == "1.1":
        assert theirs.keep_alive == mine.keep_alive


@pytest.mark.parametrize("reason", LOOSER_ANSWERS)
def test_llhttp_takes_the_answers_that_the_table_names(reason: str) -> None:
    head = LOOSER_ANSWERS[reason]
    assert Llhttp().read(head, httptools.HttpResponseParser) is not None
    with pytest.raises(BadMessage) as error:
        AnswerReader(longest=1 << 16, most=100).read(head, b"GET")
    assert error.value.message.startswith(reason)


def test_only_so_many_lines_are_remembered() -> None:
    one = reader()
    for number in range(3000):
        one.read(b"GET / HTTP/1.1\r\nhost: h\r\nx: %d" % number)

    assert len(one._lines._known) <= REMEMBERED_LINES


@pytest.mark.parametrize(
    ("target", "path", "host"),
    [
        (b"http://other/a?b", b"/a?b", b"other"),
        (b"https://other:1", b"/", b"other:1"),
        (b"HTTP://other?x", b"/?x", b"other"),
    ],
)
def test_the_host_of_an_absolute_target_counts(target: bytes, path: bytes, host: bytes) -> None:
    head = reader().read(b"GET " + target + b" HTTP/1.1\r\nHost: h\r\nX: y")

    assert (head.target, head.fields[b"host"]) == (path, host)
    assert head.lines == [b"X: y", b"host: " + host]


@pytest.mark.parametrize(
    "beginning",
    [b"\x16\x03\x01", b"get ", b"GET /a HTTP/1.1\nHost: h\n\n", b"GET /\x80", b"GET / HTTP/2.0\r\n",
     b"GET / HTTP/1.1\r\nA: b\nC: d\r\n"],
)  # fmt: skip
def test_what_can_become_no_head_is_refused_before_it_ends(beginning: bytes) -> None:
    with pytest.raises(BadMessage):
        reader().find_end(beginning)


def test_every_part_of_a_head_may_become_one() -> None:
    whole = b"POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n"

    found = [reader().find_end(whole[:end]) for end in range(1, len(whole))]

    assert found == [-1] * (len(whole) - 1)
    assert reader().find_end(whole) == len(whole) - 4


def test_an_offer_to_upgrade_is_read_over() -> None:
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk"

    head = reader().read(b"POST / HTTP/1.1\r\nHost: h\r\n" + offer + b"\r\nContent-Length: 2")

    assert (head.length, head.keep_alive, head.lines) == (2, True, [b"Host: h"])


def test_answers_that_cannot_be_passed_on_as_they_are_are_not_plain() -> None:
    good = b"HTTP/1.1 200 OK\r\ncontent-length: 3"
    one = AnswerReader(longest=1 << 16, most=100)

    assert one.read(good, b"GET").is_plain
    assert one.read(good, b"HEAD").is_plain
    for bad in (
        b"HTTP/1.1 200 OK",
        b"HTTP/1.0 200 OK\r\ncontent-length: 3",
        b"HTTP/1.1 204 No Content\r\ncontent-length: 3",
        b"HTTP/1.1 100 Continue\r\ncontent-length: 3",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked",
        good + b"\r\nconnection: close",
        good + b"\r\nkeep-alive: timeout=5",
    ):
        assert not one.read(bad, b"GET").is_plain
    for bad in (good + b"\r\ncontent-length: 4", good + b"\r\nX: a\rY: b"):
        with pytest.raises(BadMessage):
            one.read(bad, b"GET")


def test_what_a_line_meant_in_one_place_is_not_what_it_means_in_another() -> None:
    status = b"HTTP/1.1 200 OK"
    one = AnswerReader(longest=1 << 16, most=100)

    assert one.read(status + b"\r\ncontent-length: 1", b"GET").length == 1
    with pytest.raises(BadMessage):
        reader().read(b"GET / HTTP/1.1\r\nhost: h\r\n" + status)
    with pytest.raises(BadMessage):
        one.read(b"content-length: 1\r\ncontent-length: 1", b"GET")
