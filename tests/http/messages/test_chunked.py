"""Chunked bodies against llhttp: what ours takes has the same bytes to both."""

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldenpath.http.messages.chunked import ChunkedReader
from goldenpath.http.messages.heads import BadMessage
from tests.sizes import examples

HEAD = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
PIECES = [
    b"3\r\n", b"abc", b"\r\n", b"0\r\n", b"0\r\n\r\n", b"5;note=1\r\nabcde\r\n", b"A\r\n",
    b"0x3\r\n",
    b"3 \r\n", b" 3\r\n", b"+3\r\n", b"-3\r\n", b"3\n", b"003\r\nabc\r\n", b"3;\x00\r\n",
    b"X: y\r\n",
    b"X : y\r\n", b"\n", b"\r", b"3;a\rb\r\n", b"ffffffffffffffffff\r\n", b"3;\r\n", b"",
]  # fmt: skip


class Llhttp:
    """What llhttp reads of a body."""

    def __init__(self) -> None:
        self.body = b""
        self.is_over = False

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.is_over = True


def _llhttp(data: bytes) -> Llhttp | None:
    found = Llhttp()
    try:
        httptools.HttpRequestParser(found).feed_data(HEAD + data)
    except httptools.HttpParserError:
        return None
    return found


@examples(150, 1000)
@given(
    st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=7).map(b"".join),
    st.integers(1, 9),
)
def test_what_is_taken_has_the_same_bytes_to_llhttp(data: bytes, step: int) -> None:
    reader, body = ChunkedReader(1 << 16), b""
    try:
        for start in range(0, len(data), step):
            if reader.is_over:
                break
            body += reader.feed(data[start : start + step])
            taken = data[: start + step]
    except BadMessage:
        return
    if reader.is_over:
        theirs = _llhttp(taken[: len(taken) - len(reader.rest)])
        assert theirs is not None
        assert (theirs.body, theirs.is_over) == (body, True)


@pytest.mark.parametrize("extension", [b";a", b";a=b", b';a="b \\"c"', b';a="";b', b";a~=b;c=d"])
def test_an_extension_of_the_form_of_the_rfc_is_taken(extension: bytes) -> None:
    data = b"3" + extension + b"\r\nabc\r\n0\r\n\r\n"

    theirs = _llhttp(data)

    assert theirs is not None and theirs.body == b"abc"
    assert ChunkedReader(1 << 16).feed(data) == b"abc"


@pytest.mark.parametrize(
    "extension", [b";", b";=", b";a=", b"; a", b" ;a", b";a;", b';a="b', b";a=b c"]
)
def test_an_extension_of_another_form_is_refused(extension: bytes) -> None:
    with pytest.raises(BadMessage):
        ChunkedReader(1 << 16).feed(b"3" + extension + b"\r\nabc\r\n0\r\n\r\n")


@pytest.mark.parametrize("step", [1, 2, 3, 7, 100])
def test_a_body_is_whole_however_it_is_cut(step: int) -> None:
    data = b"3\r\nabc\r\n5;x=y\r\ndefgh\r\n0\r\nX: y\r\n\r\nGET"
    reader, body, rest = ChunkedReader(100), b"", b""
    for start in range(0, len(data), step):
        piece = data[start : start + step]
        if reader.is_over:
            rest += piece
        else:
            body += reader.feed(piece)
            rest += reader.rest

    assert (body, rest, reader.is_over) == (b"abcdefgh", b"GET", True)


@pytest.mark.parametrize(
    "data",
    [b"3\r\nabcd", b"3\r\nabc\n", b"0x3\r\n", b"3 \r\n", b"3\n", b"\r\n", b"0\r\nX y\r\n",
     b"0\r\n folded\r\n", b"3;" + b"a" * 2000, b"0\r\nX: " + b"a" * 2000],
)  # fmt: skip
def test_what_is_no_chunk_is_refused(data: bytes) -> None:
    with pytest.raises(BadMessage):
        ChunkedReader(1 << 16).feed(data)


def test_what_stands_around_the_chunks_is_bounded() -> None:
    reader = ChunkedReader(1000)
    with pytest.raises(BadMessage) as error:
        for _ in range(300):
            reader.feed(b"1\r\na\r\n")
    assert error.value.status == 413

    trailer = ChunkedReader(1 << 20)
    trailer.feed(b"0\r\n")
    with pytest.raises(BadMessage):
        for _ in range(100):
            trailer.feed(b"X: " + b"a" * 900 + b"\r\n")
