"""The record of an answer: what a model server writes down before it sends the answer.

A server appends to one spool file per start, one `write` per turn of its event loop. The kernel
keeps what was written when the process dies, so no answer goes out that a killed process forgets.
Everything that is learned from serving (prediction log, telemetry, drift) is made from these files
by another process, outside the path of a request.

A spool file is a sequence of frames: length and CRC-32 of the payload (two little-endian 32-bit
numbers), then the payload in MessagePack. The first payload is a `SpoolHeader`, every other one a
list of `Answered`. A torn last frame is what a killed process leaves; it was never answered.
"""

import msgspec

SPOOL_VERSION = 1


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
