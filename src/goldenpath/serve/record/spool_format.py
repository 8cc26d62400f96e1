"""The record of an answer: what a model server writes down before it sends the answer.

A server appends to one spool file per start, one `write` per turn of its event loop. The kernel
keeps what was written when the process dies, so no answer goes out that a killed process forgets.
Everything that is learned from serving (prediction log, telemetry, drift) is made from these files
by another process, outside the path of a request.

A spool file is a sequence of frames: length and CRC-32 of the payload (two little-endian 32-bit
numbers), then the payload in MessagePack. The first payload is a `SpoolHeader`, every other one a
list of `Answered` or a `SpoolMark`. A torn last frame is what a killed process leaves; it was never
answered.

A server names its files `<stage>.<model>.<replica>.<NNNN>.spool` and starts the next one when the
one before is old or large. A file with an end mark is complete and may be deleted by who has read
it. A file without one is still written while its writer lives (`is_live`), else its writer was
killed.
"""

import fcntl
import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec

from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.serve.protocol.request_context import RequestContext

SPOOL_VERSION = 2
_KNOWN = (1, SPOOL_VERSION)
"""In version 1 callers said nothing of a request beside its subjects."""
FRAME = struct.Struct("<II")
"""Length and CRC-32 of the payload that follows."""

MAX_FRAME = 64 * 1024 * 1024
"""Bytes of the largest payload that a reader accepts."""

READ_AT_ONCE = 8 * 1024 * 1024
"""Bytes of whole frames that one `read` gives back, give or take one frame."""


OVERLOAD = "too many requests wait"
"""What the record says of a request that was shed."""


class SpoolHeader(msgspec.Struct, frozen=True, array_like=True):
    """Who wrote the file. Times in nanoseconds since 1970, UTC."""

    version: int
    stage: str
    model: str
    slot: str
    digest: str
    replica: str
    features: list[str]
    started: int
    first: int = 0
    """Sequence number of the first request that can be in this file."""
    scheme: Literal["http", "https"] = "http"
    """Whether clients have to use TLS."""
    clock_offset: int | None = None
    """By how much the kernel still moves the clock, in nanoseconds; None: nobody keeps it."""
    clock_error: int | None = None
    """How wrong the clock can be at most, in nanoseconds, as who keeps it says."""


class Answered(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One request and its answer; `rows` predictions share one id, each with its row number.

    A refused request has 0 rows and says why in `refusal`.
    """

    prediction_id: str
    """32 hex digits; prediction `n` of the request is `<prediction_id>-<n>`."""
    sequence: int
    """Counts the requests of this server from 0 without gaps."""
    started: int
    """When the request had been read, in nanoseconds since 1970."""
    duration: int
    """Until the answer was written, in nanoseconds."""
    inference: int
    """Of that, the model's share, in nanoseconds."""
    status: int
    """HTTP status."""
    rows: int
    inputs: bytes
    """`rows * len(features)` little-endian 32-bit floats, row after row."""
    scores: bytes
    """`rows` little-endian 32-bit floats."""
    subjects: list[str] | None = None
    """Whom each row is about, if the caller said so."""
    caller: str = ""
    traceparent: str = ""
    refusal: str = ""
    reasons: bytes = b""
    """`rows * codes` little-endian 32-bit floats, of a model that gives reasons."""
    door: Literal["infer", "predict", "call"] = "infer"
    """The tensors of the protocol, the tabular form, or a message of gRPC."""
    shadow: bool = False
    """The answer went to nobody: it was only held against that of another release."""
    canary: bool = False
    """The gateway gave the request to a release that is being tried."""
    said: RequestContext | None = None


class SpoolMark(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is to be said about a file other than records."""

    lost: int = 0
    """Requests that were answered since the mark before but could not be written down."""
    lost_rows: int = 0
    """Predictions in them."""
    first_lost: int = -1
    """Sequence number of the first of them."""
    end: bool = False
    """The file is complete; `next` is the first sequence number of the next file."""
    next: int = -1


Frame = SpoolHeader | list[Answered] | SpoolMark

_encoder = msgspec.msgpack.Encoder()
_header = msgspec.msgpack.Decoder(SpoolHeader)
_body = msgspec.msgpack.Decoder(list[Answered] | SpoolMark)


def render_frame(frame: Frame) -> bytes:
    """One frame as it stands in a file."""
    payload = _encoder.encode(frame)
    return FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def read(path: Path, offset: int = 0, *, at_once: int = READ_AT_ONCE) -> tuple[list[Frame], int]:
    """The whole frames from `offset` on, and the offset to go on from.

    A torn tail is left for the next call. Gives about `at_once` bytes at most, so call again
    until the offset stands still. Raises `VerificationError` where the file is not what a server
    wrote, and `InvalidInput` for a version of the format that is not known here.
    """
    frames: list[Frame] = []
    with path.open("rb") as file:
        file.seek(offset)
        start = offset
        while offset - start < at_once:
            payload = _payload(path, file.read(FRAME.size), file, offset)
            if payload is None:
                break
            frames.append(_decode(path, payload, offset))
            offset += FRAME.size + len(payload)
    return frames, offset


def is_live(path: Path) -> bool:
    """Whether a server still writes the file: it holds a lock on it as long as it lives."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _payload(path: Path, prefix: bytes, file: BinaryIO, offset: int) -> bytes | None:
    if len(prefix) < FRAME.size:
        return None
    length, checksum = FRAME.unpack(prefix)
    if length > MAX_FRAME:
        raise VerificationError(
            f"{path.name} has a frame of {length} bytes at offset {offset}: "
            f"expected at most {MAX_FRAME}"
        )
    payload = file.read(length)
    if len(payload) < length:
        return None
    if zlib.crc32(payload) != checksum:
        raise VerificationError(
            f"{path.name} is damaged at offset {offset}: the checksum does not hold"
        )
    return payload


def _decode(path: Path, payload: bytes, offset: int) -> Frame:
    try:
        if offset:
            body: list[Answered] | SpoolMark = _body.decode(payload)
            return body
        header = _header.decode(payload)
    except ValueError as error:
        raise VerificationError(
            f"{path.name} has a frame at offset {offset} that is no record: {error}"
        ) from error
    if header.version not in _KNOWN:
        raise InvalidInput(
            f"{path.name} has spool version {header.version}: expected at most {SPOOL_VERSION}"
        )
    return header
