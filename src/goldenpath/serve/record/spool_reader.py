"""Reading a spool file while it grows: the file first, then the shared memory in front of it."""

import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.files import take_lock
from goldenpath.serve.record.spool_buffer import unflushed
from goldenpath.serve.record.spool_format import FRAME, Frame, decode
from goldenpath.serve.record.turn_frame import TURN, parse_turn

MAX_FRAME = 64 * 1024 * 1024
"""Bytes of the largest payload that a reader accepts."""

READ_AT_ONCE = 8 * 1024 * 1024
"""Bytes of whole frames that one `read` gives back, give or take one frame."""


def read(path: Path, offset: int = 0, *, at_once: int = READ_AT_ONCE) -> tuple[list[Frame], int]:
    """The whole frames from `offset` on, and the offset to go on from.

    A torn tail is left for the next call. Gives about `at_once` bytes at most, so call again
    until the offset stands still. Raises `VerificationError` where the file is not what a server
    wrote, and `InvalidInput` for a version of the format that is not known here.
    """
    frames: list[Frame] = []
    until = offset + at_once
    with path.open("rb") as file:
        file.seek(offset)
        for frame, end in _frames(path, file, offset):
            frames.append(frame)
            offset = end
            if offset >= until:
                return frames, offset
    # What the server has not yet moved to the file, or never will, for it was killed.
    with io.BytesIO(unflushed(path, offset)) as rest:
        for frame, end in _frames(path, rest, offset, is_memory=True):
            frames.append(frame)
            offset = end
    return frames, offset


def is_live(path: Path) -> bool:
    """Whether a server still writes the file: it holds a lock on it as long as it lives."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return not take_lock(descriptor, wait=False, shared=True)
    finally:
        os.close(descriptor)


def _frames(
    path: Path, file: BinaryIO, offset: int, *, is_memory: bool = False
) -> Iterator[tuple[Frame, int]]:
    """Whole frames, each with the offset behind it."""
    while True:
        try:
            payload = _payload(file)
        except VerificationError as error:
            if is_memory:
                # After a power cut the disk may have a part of it; it was never asked to keep it.
                return
            raise VerificationError(
                f"{path.name} is damaged at offset {offset}: {error}"
            ) from error
        if payload is None:
            return
        frame = _decode(path, payload, offset)
        offset += FRAME.size + len(payload)
        yield frame, offset


def _payload(file: BinaryIO) -> bytes | None:
    prefix = file.read(FRAME.size)
    if len(prefix) < FRAME.size:
        return None
    length, checksum = FRAME.unpack(prefix)
    if length > MAX_FRAME:
        raise VerificationError(f"it has a frame of {length} bytes: expected at most {MAX_FRAME}")
    payload = file.read(length)
    if len(payload) < length:
        return None
    if zlib.crc32(payload) != checksum:
        raise VerificationError("the checksum does not hold")
    return payload


def _decode(path: Path, payload: bytes, offset: int) -> Frame:
    try:
        if offset and payload[:1] == TURN:
            return parse_turn(payload)
        return decode(payload, is_first=not offset)
    except InvalidInput as error:
        raise InvalidInput(f"{path.name} cannot be read: {error.message}") from error
    except (ValueError, VerificationError) as error:
        raise VerificationError(
            f"{path.name} has a frame at offset {offset} that is no record: {error}"
        ) from error
