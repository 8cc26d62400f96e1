"""The record of an answer: what a model server writes down before it sends the answer.

A server appends to one spool file per start, one frame per turn of its event loop. The kernel keeps
a frame when the process dies, first in the shared memory beside the file (`spool_buffer.py`), so no
answer goes out that a killed process forgets. Another process makes the prediction log, telemetry
and drift from these files, outside the path of a request.

A spool file is a sequence of frames: length and CRC-32 of the payload (two little-endian 32-bit
numbers), then the payload. The first payload is a `SpoolHeader`, every other one a turn in columns
(`turn_frame.py`), a list of `Answered` (before version 3) or a `SpoolMark`, all but the turn in
MessagePack. A torn last frame is what a killed process leaves; it was never answered.

A server names its files `<stage>.<model>.<replica>.<NNNN>.spool` and starts the next one when the
one before is old or large. A file with an end mark is complete, and its reader may delete
it. A file without one is still written while its writer lives (`is_live`), else its writer was
killed.
"""

import struct
import zlib
from typing import Literal

import msgspec

from goldenpath.serve.protocol.inputs import ValueFault
from goldenpath.serve.protocol.request_context import RequestContext
from goldenpath.stored_formats import SPOOL

SPOOL_VERSION = SPOOL.version
FRAME = struct.Struct("<II")
"""Length and CRC-32 of the payload that follows."""

OVERLOAD = "too many requests wait"
"""Text in the record of a request that was shed."""


Endpoint = Literal["infer", "predict", "call"]
"""How the request came: tensors of v2, the tabular form of v1, or a gRPC message."""


class SpoolHeader(msgspec.Struct, frozen=True, array_like=True):
    """The server that wrote the file. Times are in nanoseconds since 1970, UTC."""

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
    """The pending correction of the clock, in nanoseconds; None: not synchronized."""
    clock_error: int | None = None
    """The largest error of the clock, in nanoseconds, as its time daemon reports it."""
    outputs: int = 1
    """How many numbers an answer has for each row: more than one for classes."""


class Answered(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One request and its answer; `rows` predictions share one id, each with its row number.

    A refused request has 0 rows and its reason in `refusal`.
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
    """`rows` little-endian 32-bit floats, or for classes as many for each class."""
    subjects: list[str] | None = None
    """The person of each row, if the caller named one."""
    caller: str = ""
    traceparent: str = ""
    refusal: str = ""
    reasons: bytes = b""
    """`rows * codes` little-endian 32-bit floats, of a model that gives reasons."""
    endpoint: Endpoint = "infer"
    shadow: bool = False
    """A shadow answer, which was only compared with that of another release."""
    canary: bool = False
    """The gateway sent the request to a canary."""
    context: RequestContext | None = None
    """The context that the caller stated beside the values; None without one."""
    asked: int = 0
    """Rows of a request that was refused because of its values."""
    faults: tuple[ValueFault, ...] = ()
    """Why it was refused, for each column and kind of fault."""


class SpoolMark(msgspec.Struct, frozen=True, omit_defaults=True):
    """A statement about a file: lost records, or its end."""

    lost: int = 0
    """Requests that were answered since the mark before but could not be written down."""
    lost_rows: int = 0
    """Predictions in them."""
    first_lost: int = -1
    """Sequence number of the first of them."""
    end: bool = False
    """The file is complete; `next` is the first sequence number of the next file."""
    next: int = -1
    goes_on: bool = False
    """The writer goes on in another file. Before this field existed, no file said so."""


Frame = SpoolHeader | list[Answered] | SpoolMark

_encoder = msgspec.msgpack.Encoder()
_header = msgspec.msgpack.Decoder(SpoolHeader)
_body = msgspec.msgpack.Decoder(list[Answered] | SpoolMark)


def render_frame(frame: Frame) -> bytes:
    """One frame as it stands in a file."""
    return framed(render(frame))


def render(frame: Frame) -> bytes:
    """Return the payload of a frame."""
    return _encoder.encode(frame)


def framed(payload: bytes) -> bytes:
    """A payload as it stands in a file."""
    return FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def decode(payload: bytes, *, is_first: bool) -> Frame:
    """Parse a payload. Raises `ValueError` if it is invalid, `InvalidInput` for its version."""
    if not is_first:
        body: list[Answered] | SpoolMark = _body.decode(payload)
        return body
    header = _header.decode(payload)
    SPOOL.require(header.version, "the spool file")
    return header
