"""Compressed request bodies: gzip, deflate and zstd, within the limits of all bodies.

A body is refused as soon as it grows beyond the limit. So a decompression bomb costs no more memory
than the largest accepted body.
"""

import sys
import zlib
from collections.abc import Callable

from goldenpath.http.messages.heads import BadMessage

ACCEPTED = "gzip, deflate, zstd"
LARGEST_WINDOW = 23
"""Of zstd, as a power of two: 8 MiB, the most that RFC 9659 allows a sender."""
_STEP = 256 * 1024
"""Bytes that are unpacked at a time."""
MOST_PARTS = 16
"""Gzip members or zstd frames in one body; empty ones would cost time without growing."""


def decoded(body: bytes, encoding: bytes, limit: int) -> bytes:
    """Return `body` without the codings that its `Content-Encoding` field names.

    Raises `BadMessage`: 415 for an unknown coding, 413 for more than `limit` bytes, 400 for a
    body that does not match the field.
    """
    codings = [part.strip(b" \t").lower() for part in encoding.split(b",")]
    codings = [coding for coding in codings if coding != b"identity"]
    if len(codings) > 1:
        # Each further coding multiplies the effect of a bomb, and no client of ours sends two.
        raise BadMessage(415, "the body is encoded more than once: expected one content-encoding")
    for coding in codings:
        decode = _DECODERS.get(coding)
        if decode is None:
            raise BadMessage(415, f"the content-encoding is not known: expected {ACCEPTED}")
        body = decode(body, limit)
    return body


def _gzip(body: bytes, limit: int) -> bytes:
    return _inflate(body, 16 + zlib.MAX_WBITS, limit, "gzip")


def _deflate(body: bytes, limit: int) -> bytes:
    # RFC 9110, section 8.4.1.2: the zlib format, though some clients leave out its two bytes.
    is_zlib = len(body) >= 2 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
    return _inflate(body, zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS, limit, "deflate")


def _inflate(body: bytes, bits: int, limit: int, name: str) -> bytes:
    content = bytearray()
    # A gzip body may be several files, one behind the other (RFC 1952, section 2.2).
    for _ in range(MOST_PARTS if name == "gzip" else 1):
        body = _inflate_one(body, zlib.decompressobj(bits), content, limit=limit, name=name)
        if not body:
            return bytes(content)
    raise BadMessage(400, f"the body goes on after the end of its {name}")


def _inflate_one(
    body: bytes, unpacker: "zlib._Decompress", content: bytearray, *, limit: int, name: str
) -> bytes:
    """Unpack one compressed stream into `found` and return the bytes after it."""
    while True:
        try:
            piece = unpacker.decompress(body, _STEP)
        except zlib.error as error:
            raise BadMessage(400, f"the body is not valid {name}") from error
        content += piece
        _check(content, limit)
        if unpacker.eof:
            return unpacker.unused_data
        body = unpacker.unconsumed_tail
        if not body and not piece:
            raise _cut_off(name)


def _zstd(body: bytes, limit: int) -> bytes:
    # Loaded with the first zstd body: most servers never receive one.
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd

    content = bytearray()
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: LARGEST_WINDOW}
    rest = body
    try:
        for _ in range(MOST_PARTS):
            unpacker = zstd.ZstdDecompressor(options=options)
            piece = unpacker.decompress(rest, _STEP)
            while not unpacker.eof:
                content += piece
                _check(content, limit)
                if not piece and unpacker.needs_input:
                    raise _cut_off("zstd")
                piece = unpacker.decompress(b"", _STEP)
            content += piece
            _check(content, limit)
            rest = unpacker.unused_data
            if not rest:
                return bytes(content)
    except zstd.ZstdError as error:
        raise BadMessage(400, "the body is not valid zstd") from error
    raise BadMessage(400, "the body goes on after the end of its zstd")


def _check(content: bytearray, limit: int) -> None:
    if len(content) > limit:
        raise BadMessage(
            413, f"the body is too large once unpacked: expected at most {limit} bytes"
        )


def _cut_off(name: str) -> BadMessage:
    return BadMessage(400, f"the body ends before its {name} does")


_DECODERS: dict[bytes, Callable[[bytes, int], bytes]] = {
    b"gzip": _gzip,
    b"x-gzip": _gzip,
    b"deflate": _deflate,
    b"zstd": _zstd,
}
