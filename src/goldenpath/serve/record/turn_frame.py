"""The turn frame: one frame, in columns, for all requests that an event loop turn answered.

One record for each request would cost an object and an encoding each. Here the common fields are
columns of fixed width, which are copied as they are. Callers and traces exist for all requests or
for none; they follow as lists in MessagePack. Only a request with more data (subjects, a refusal)
gets a `RequestDetails`.

The payload of such a frame: `_HEAD`; ids, 32 hex digits each; times at which the requests had been
read, 64 bits each; rows, 32 bits each; inputs and scores, 32-bit floats; details as a list of pairs
of place and `RequestDetails`. All numbers are little-endian. It begins with a byte that no
MessagePack begins with, so a reader can tell it from the other frames.
"""

import struct
from functools import cache

import msgspec

from goldenpath.errors import VerificationError
from goldenpath.serve.protocol.inputs import ValueFault
from goldenpath.serve.protocol.request_context import RequestContext
from goldenpath.serve.record.spool_format import Answered, Endpoint

TURN = b"\xc1"
"""The first byte; MessagePack leaves it unused."""
_HEAD = struct.Struct("<cxxxIQqqQIII")
"""`TURN`; requests; first sequence number; clock offset, end and inference in nanoseconds; bytes
of inputs, of scores and of details."""
ID_SIZE = 32
"""Hex digits of a prediction id."""
_EACH = ID_SIZE + 8 + 4
"""Bytes of the columns of fixed width, a request."""


class RequestDetails(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The data of one request beside its values; most requests have the defaults."""

    status: int = 200
    subjects: list[str] | None = None
    refusal: str = ""
    reasons: bytes = b""
    endpoint: Endpoint = "infer"
    shadow: bool = False
    canary: bool = False
    context: RequestContext | None = None
    asked: int = 0
    faults: tuple[ValueFault, ...] = ()


_PLAIN = RequestDetails()
_MISFIT = "a turn has rows or ids that do not fit its values"
_encoder = msgspec.msgpack.Encoder()
_rest = msgspec.msgpack.Decoder(tuple[list[str], list[bytes], list[tuple[int, RequestDetails]]])


Columns = tuple[list[str], list[int], list[int], list[bytes], list[bytes]]
"""Ids, monotonic nanoseconds of the start, rows, inputs and scores: one entry each a request."""
Times = tuple[int, int, int]
"""In nanoseconds: time since 1970 minus monotonic time; monotonic time of the answer; the model's
share."""


def render_turn(first: int, times: Times, columns: Columns, rest: bytes) -> bytes:
    """Return the payload of a turn from the sequence number `first` on; `rest` by `render_rest`.

    Raises `ValueError` if scores do not fit the rows, or ids are invalid.
    """
    ids, started, rows, inputs, scores = columns
    clock, end, inference = times
    size = len(ids)
    names, width, height = "".join(ids), sum(map(len, inputs)), sum(map(len, scores))
    if _is_misfit(height, sum(rows)) or len(names) != ID_SIZE * size:
        raise ValueError(_MISFIT)
    fixed = _layout(size).pack(
        TURN,
        size,
        first,
        clock,
        end,
        inference,
        width,
        height,
        len(rest),
        names.encode("ascii"),
        *started,
        *rows,
    )
    # Everything is copied once.
    return b"".join((fixed, *inputs, *scores, rest))


def render_rest(
    callers: list[str], traces: list[bytes], details: list[tuple[int, RequestDetails]]
) -> bytes:
    """Return the optional part: a caller and a trace for each request, or none for all of them.

    `details` by the place of their request.
    """
    return _encoder.encode((callers, traces, details))


@cache
def _layout(size: int) -> struct.Struct:
    """Return the layout of head and fixed columns for a number of requests."""
    return struct.Struct(f"{_HEAD.format}{ID_SIZE * size}s{size}q{size}I")


LAYOUT_OF_ONE = _layout(1)
"""Head and columns of fixed width of one request; inputs, scores and details follow."""


def parse_turn(payload: bytes) -> list[Answered]:
    """Return the records of a turn frame. Raises `VerificationError` if its lengths disagree."""
    if len(payload) < _HEAD.size:
        raise VerificationError("a turn is shorter than its head")
    _, count, first, offset, end, inference, width, scores, rest = _HEAD.unpack_from(payload)
    at = _HEAD.size + _EACH * count
    if at + width + scores + rest != len(payload):
        raise VerificationError("a turn has another length than its head says")
    ids = payload[_HEAD.size : _HEAD.size + ID_SIZE * count].decode("ascii")
    started = struct.unpack_from(f"<{count}q", payload, _HEAD.size + ID_SIZE * count)
    rows = struct.unpack_from(f"<{count}I", payload, _HEAD.size + (ID_SIZE + 8) * count)
    total = sum(rows)
    if _is_misfit(scores, total) or (width % total if total else width):
        raise VerificationError(_MISFIT)
    row_bytes, of_scores = (width // total, scores // total) if total else (0, 0)
    callers, traces, details = _read_rest(payload[at + width + scores :], count)
    answered: list[Answered] = []
    row = 0
    for place, size in enumerate(rows):
        more = details.get(place, _PLAIN)
        until = row + size
        record = Answered(
            ids[ID_SIZE * place : ID_SIZE * place + ID_SIZE],
            first + place,
            started[place] + offset,
            end - started[place],
            inference if size else 0,
            more.status,
            size,
            payload[at + row_bytes * row : at + row_bytes * until],
            payload[at + width + of_scores * row : at + width + of_scores * until],
            more.subjects,
            callers[place],
            traces[place].decode("latin-1")[:128],
            more.refusal,
            more.reasons,
            more.endpoint,
            more.shadow,
            more.canary,
            more.context,
            more.asked,
            more.faults,
        )
        answered.append(record)
        row = until
    return answered


def _is_misfit(scores: int, rows: int) -> bool:
    """Return whether so many bytes are not the same number of 32-bit floats for each row."""
    return bool(scores % (4 * rows) or not scores) if rows else bool(scores)


def _read_rest(
    content: bytes, count: int
) -> tuple[list[str], list[bytes], dict[int, RequestDetails]]:
    if not content:
        return [""] * count, [b""] * count, {}
    try:
        callers, traces, details = _rest.decode(content)
    except ValueError as error:
        raise VerificationError(f"a turn has details that are none: {error}") from error
    by_place = dict(details)
    if by_place.keys() - range(count) or {len(callers), len(traces)} - {0, count}:
        raise VerificationError("a turn has details of a request that is not in it")
    return callers or [""] * count, traces or [b""] * count, by_place
