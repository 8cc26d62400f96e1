"""Two readers of heads, one meaning: what a form takes, the reading line by line takes alike."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldenpath.gateway.form import Form
from goldenpath.gateway.head import Lines
from goldenpath.gateway.message import END

TARGET = b"/v2/models/100%/infer"
FIRST = (
    b"POST /prod/credit/v2/models/credit/infer HTTP/1.1\r\nHost: h:1\r\nX-Extra: 100%b\r\n"
    b"traceparent: 00-aa-bb-01\r\nContent-Length: 14\r\nx-goldenpath-subject:  c-17 \r\n"
    b"Connection: keep-alive\r\nX-Request-Id: one\r\naccept: */*"
)


def _form(head: bytes) -> Form:
    read = Lines().request(head)
    assert read is not None
    return Form(head + END, read)


def _agrees(form: Form, data: bytes) -> bool:
    """Whether the form took it; if so, both readers agree on what it is."""
    if not form.read(data):
        return False
    head = Lines().request(data[: form.size - len(END)])
    assert head is not None
    assert data[form.size - len(END) : form.size] == END
    mine = form.head
    for name in ("method", "target", "host", "subject", "slot", "length", "keep_alive", "expects"):
        assert getattr(mine, name) == getattr(head, name), name
    lines, last = form.beginning(TARGET).rsplit(b"\r\n", 1)
    expected, expected_last = head.beginning(TARGET).rsplit(b"\r\n", 1)
    # Values are passed on without the blanks around them, which mean nothing (RFC 9110, 5.5).
    assert [line.replace(b" ", b"") for line in lines.split(b"\r\n")] == [
        line.rstrip().replace(b" ", b"") for line in expected.split(b"\r\n")
    ]
    assert last == expected_last
    return True


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


def test_a_get_without_a_length_stays_without_one() -> None:
    form = _form(b"GET /prod/credit/v2 HTTP/1.1\r\nhost: h\r\ntraceparent: a")
    assert _agrees(form, b"GET /prod/credit/v2 HTTP/1.1\r\nhost: h\r\ntraceparent: b" + END)
    assert b"content-length" not in form.beginning(TARGET)


@given(st.binary(max_size=12), st.integers(0, len(FIRST)), st.integers(0, 12))
@settings(max_examples=500, deadline=None)
def test_whatever_bytes_come_a_form_is_never_read_in_another_way(
    noise: bytes, place: int, gone: int
) -> None:
    form = _form(FIRST)
    _agrees(form, FIRST[:place] + noise + FIRST[place + gone :] + END)
    assert _agrees(form, FIRST + END)
