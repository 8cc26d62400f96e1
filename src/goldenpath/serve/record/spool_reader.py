"""The spool reader: reads a growing file, then the shared memory in front of it."""

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
"""Bytes of whole frames that one `read` returns, give or take one frame."""


def read(path: Path, offset: int = 0, *, at_once: int = READ_AT_ONCE) -> tuple[list[Frame], int]:
    """Return the whole frames from `offset` on, and the next offset.

    A torn tail is left for the next call. Returns about `at_once` bytes at most, so call again
    until the offset stays the same. Raises `VerificationError` if the file is damaged, and
    `InvalidInput` for an unknown version of the format.
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
    # Frames that the server has not moved to the file yet, or never will if it was killed.
    with io.BytesIO(unflushed(path, offset)) as rest:
        for frame, end in _frames(path, rest, offset, is_memory=True):
            frames.append(frame)
            offset = end
    return frames, offset


def is_live(path: Path) -> bool:
    """Return whether a server still writes the file; a living server holds a lock on it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # A shared lock, so that two readers that ask at once do not take each other for the server.
        return not take_lock(descriptor, wait=False, shared=True)
    finally:
        os.close(descriptor)


def _frames(
    path: Path, file: BinaryIO, offset: int, *, is_memory: bool = False
) -> Iterator[tuple[Frame, int]]:
    """Yield whole frames, each with the offset after it."""
    while True:
        try:
            payload = _payload(file)
        except VerificationError as error:
            if is_memory:
                # After a power cut the disk may have a part of a frame that was not synced.
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
    # A torn tail is no damage: the server may be writing it now.
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
        # The first frame is the header of the file, in whatever version it has.
        if offset and payload[:1] == TURN:
            return parse_turn(payload)
        return decode(payload, is_first=not offset)
    except InvalidInput as error:
        raise InvalidInput(f"{path.name} cannot be read: {error.message}") from error
    except (ValueError, VerificationError) as error:
        raise VerificationError(
            f"{path.name} has a frame at offset {offset} that is no record: {error}"
        ) from error
