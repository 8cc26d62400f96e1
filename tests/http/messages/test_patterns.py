"""Two readers of heads, one meaning: what a form takes, the reading line by line takes alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldenpath.http.messages.heads import END, BadMessage, RequestHead
from goldenpath.http.messages.patterns import (
    MOST_PATTERNS,
    MOST_SEEN,
    OFTEN,
    HeadPatterns,
    RepeatedHead,
    request_lines,
)
from goldenpath.http.messages.reader import RequestReader
from goldenpath.serve.gateway.proxy import LIMITS, RULES, VARYING
from tests.sizes import examples

TARGET = b"/v2/models/100%/infer"
FIRST = (
    b"POST /prod/credit/v2/models/credit/infer HTTP/1.1\r\nHost: h:1\r\nX-Extra: 100%b\r\n"
    b"traceparent: 00-aa-bb-01\r\nContent-Length: 14\r\nx-goldenpath-subject:  c-17 \r\n"
    b"Connection: keep-alive\r\nX-Request-Id: one\r\naccept: */*"
)


def _read(head: bytes) -> RequestHead | None:
    try:
        return RequestReader(RULES, longest=LIMITS.head, most=LIMITS.headers).read(head)
    except BadMessage:
        return None


def _form(head: bytes) -> RepeatedHead:
    """A head that is a pattern by now."""
    patterns = HeadPatterns(VARYING)
    for _ in range(OFTEN):
        read = _read(head)
        assert read is not None
        form = RepeatedHead(head + END, read, patterns.of(head + END))
    return form


def _agrees(form: RepeatedHead, data: bytes) -> bool:
    """Whether the pattern took it; if so, both ways agree on what it is."""
    if not form.read(data):
        return False
    head = _read(data[: form.size - len(END)])
    assert head is not None
    assert data[form.size - len(END) : form.size] == END
    mine = form.head
    for name in ("method", "target", "fields", "length", "keep_alive", "expects"):
        assert getattr(mine, name) == getattr(head, name), name
    lines = form.written(TARGET).split(b"\r\n")
    expected = request_lines(head, TARGET).split(b"\r\n")
    assert (lines[0], lines[-1]) == (expected[0], b"")
    # The length may stand elsewhere; blanks around a value mean nothing (RFC 9110, 5.5).
    assert sorted(map(_plain, lines)) == sorted(map(_plain, expected))
    return True


def _plain(line: bytes) -> bytes:
    name, colon, value = line.partition(b":")
    name = name.lower() if name.lower() == b"content-length" else name
    return name + colon + value.strip(b" \t")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"00-aa-bb-01", b"00-cc-dd-00"),
        (b"00-aa-bb-01", b""),
        (b"00-aa-bb-01", b"%b%d\xff\t"),
        (b" 14", b" 9999"),
        (b" 14", b"0"),
        (b"  c-17 ", b"someone else"),
        (b" one", b"   two  "),
    ],
)
def test_other_values_in_the_same_form_are_read(old: bytes, new: bytes) -> None:
    form, head = _form(FIRST), FIRST.replace(old, new) + END
    for data in (FIRST + END + b"body", head, head + b"body", FIRST + END):
        assert _agrees(form, data)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b" 14", b" 14, 14"),
        (b" 14", b" +14"),
        (b" 14", b" 1" + b"0" * 12),
        (b" 14", b" 014"),
        (b" 14", b""),
        (b"00-aa-bb-01", b"00\n-aa"),
        (b"00-aa-bb-01", b"00\r-aa"),
        (b"00-aa-bb-01", b"00\x00-aa"),
        (b"00-aa-bb-01", b"0" * 40_000),
        (b"  c-17 ", b"c-17\r\nx-goldenpath-subject: other"),
        (b"  c-17 ", b"c-17\r\nTransfer-Encoding: chunked"),
        (b"accept: */*", b"accept: */*\r\nexpect: 100-continue"),
        (b"Host: h:1", b"Host: h:2"),
        (b"POST", b"GET"),
        (b"X-Request-Id: one", b"X-Request-Id : one"),
        (b"\r\nX-Request-Id: one", b"\r\n X-Request-Id: one"),
    ],
)
def test_another_form_is_left_to_the_reading_of_lines(old: bytes, new: bytes) -> None:
    form, other = _form(FIRST), FIRST.replace(old, new) + END
    assert not form.read(other)
    assert not any(form.read(FIRST[:end]) for end in range(len(FIRST)))
    assert _agrees(form, FIRST + END)


def test_only_what_is_seen_often_becomes_a_pattern_and_only_so_many_do() -> None:
    patterns = HeadPatterns(VARYING)

    def takes(head: bytes) -> bool:
        read = _read(head)
        assert read is not None
        form = RepeatedHead(head + END, read, patterns.of(head + END))
        return form.read(head.replace(b"aa", b"dd") + END)

    heads = [FIRST.replace(b"h:1", b"h:%d" % number) for number in range(MOST_PATTERNS + 1)]
    assert [takes(heads[0]) for _ in range(OFTEN)] == [False] * (OFTEN - 1) + [True]
    for number in range(MOST_SEEN + 2):
        assert not takes(FIRST.replace(b"h:1", b"g:%d" % number))
    assert takes(heads[0])
    assert [any(takes(head) for _ in range(OFTEN)) for head in heads] == [True] * MOST_PATTERNS + [
        False
    ]
    assert takes(heads[0])


def test_a_head_that_gives_work_is_found_different_at_once() -> None:
    form = _form(FIRST)
    assert not form.read(FIRST.replace(b"00-aa-bb-01", b" " * 30_000 + b"\n") + END)
    assert not form.read(FIRST.replace(b"14", b"\t" * 30_000 + b"x") + END)


def test_a_get_without_a_length_stays_without_one() -> None:
    form = _form(b"GET /prod/credit/v2 HTTP/1.1\r\nhost: h\r\ntraceparent: a")
    assert _agrees(form, b"GET /prod/credit/v2 HTTP/1.1\r\nhost: h\r\ntraceparent: b" + END)
    assert b"content-length" not in form.written(TARGET)


def test_a_varying_field_that_is_dropped_is_not_passed_on() -> None:
    patterns = HeadPatterns((*VARYING, "x-goldenpath-prediction-id"))
    first = FIRST + b"\r\nx-goldenpath-prediction-id: one\r\nTRACEPARENT: other"
    for _ in range(OFTEN):
        read = _read(first)
        assert read is not None
        form = RepeatedHead(first + END, read, patterns.of(first + END))

    assert form.read(first.replace(b" one\r\nTR", b" two\r\nTR").replace(b"aa-bb", b"c") + END)
    written = form.written(TARGET)
    assert b"prediction-id" not in written
    assert written.count(b"traceparent: 00-c-01\r\n") == written.count(b"TRACEPARENT: other") == 1


@given(st.binary(max_size=12), st.integers(0, len(FIRST)), st.integers(0, 12))
@examples(100, 500)
def test_whatever_bytes_come_a_form_is_never_read_in_another_way(
    noise: bytes, place: int, gone: int
) -> None:
    form = _form(FIRST)
    _agrees(form, FIRST[:place] + noise + FIRST[place + gone :] + END)
    assert _agrees(form, FIRST + END)
