"""Compressed bodies: unpacked within the limit, and refused where they are not what they say."""

import gzip
import zlib
from collections.abc import Callable

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from goldenpath.http.messages.content_encoding import MOST_PARTS, decoded
from goldenpath.http.messages.heads import BadMessage
from tests.sizes import examples

LIMIT = 1 << 20


def _raw(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "DEFLATE": _raw,
    "zstd": zstd.compress,
}


def _refused(body: bytes, encoding: bytes) -> int:
    with pytest.raises(BadMessage) as error:
        decoded(body, encoding, LIMIT)
    return error.value.status


@pytest.mark.parametrize("name", PACK)
@pytest.mark.parametrize("size", [0, 1, 1000, LIMIT])
def test_a_body_is_unpacked(name: str, size: int) -> None:
    body = (b"abcdefgh%d" % size * (size // 8 + 1))[:size]

    assert decoded(PACK[name](body), name.encode(), LIMIT) == body


@pytest.mark.parametrize("name", PACK)
def test_a_bomb_is_refused(name: str) -> None:
    assert _refused(PACK[name](bytes(LIMIT + 1)), name.encode()) == 413
    assert _refused(PACK[name](bytes(64 * LIMIT)), name.encode()) == 413


@pytest.mark.parametrize("name", PACK)
def test_what_is_cut_off_or_goes_on_or_is_something_else_is_refused(name: str) -> None:
    packed = PACK[name](b"some body " * 100)

    assert _refused(packed[:-1], name.encode()) == 400
    assert _refused(packed[: len(packed) // 2], name.encode()) == 400
    assert _refused(packed + b"more", name.encode()) == 400
    assert _refused(b"no archive", name.encode()) == 400
    assert _refused(b"", name.encode()) == 400


def test_several_parts_are_one_body_but_only_so_many() -> None:
    for pack, name in ((gzip.compress, b"gzip"), (zstd.compress, b"zstd")):
        assert decoded(pack(b"a") + pack(b"b"), name, LIMIT) == b"ab"
        assert _refused(pack(b"") * (MOST_PARTS + 1), name) == 400


def test_a_window_that_is_too_large_is_refused() -> None:
    parameter = zstd.CompressionParameter
    packed = zstd.compress(
        bytes(range(256)) * 3000, options={parameter.window_log: 27, parameter.content_size_flag: 0}
    )
    large = zstd.ZstdCompressor(options={parameter.window_log: 27, parameter.content_size_flag: 0})
    streamed = large.compress(bytes(100)) + large.flush()

    assert decoded(packed, b"zstd", LIMIT)
    assert _refused(streamed, b"zstd") == 400


@pytest.mark.parametrize("encoding", [b"br", b"gzip, gzip", b"compress", b"gzip;q=1"])
def test_an_unknown_encoding_is_refused(encoding: bytes) -> None:
    assert _refused(gzip.compress(b"a"), encoding) == 415


@pytest.mark.parametrize("encoding", [b"identity", b"", b"Identity"])
def test_no_encoding_leaves_the_body_as_it_is(encoding: bytes) -> None:
    if encoding:
        assert decoded(b"abc", encoding, LIMIT) == b"abc"


@examples(60, 300)
@given(st.binary(max_size=60), st.sampled_from(["gzip", "deflate", "zstd"]))
def test_any_bytes_are_unpacked_or_refused(body: bytes, name: str) -> None:
    try:
        assert len(decoded(body, name.encode(), LIMIT)) <= LIMIT
    except BadMessage as error:
        assert error.status in (400, 413)
