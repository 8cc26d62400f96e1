"""Shared memory in front of a spool file: a frame is safe in it before the file has it.

The memory is a file of fixed size, mapped by the server. A copied frame belongs to the kernel at
once and outlives the process, at the cost of a copy instead of a system call. All blocks
of the file are allocated at the start, so that a full disk is seen then, and never as a fault
on writing to the mapping. A thread moves slots to the spool file in large pieces.

The layout: `_HEAD` (magic, number of the spool file, count and size of the slots), `_ACCOUNT` (what
no frame says yet), then `_SLOT` for each slot (offset in the spool file, bytes in use), then from
`_CONTENT` on the slots. The length of a slot is set after its bytes are there: what a killed server
copied in part does not count.

A reader of a spool file continues in the buffer beside it, see `unflushed`. The number of the spool
file and both numbers of a slot are read before and after its bytes: a server that lives reuses
slots meanwhile.
"""

import mmap
import os
import struct
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from goldenpath.serve.record.spool_format import FRAME, SpoolMark

SUFFIX = ".buffer"
SLOTS = 8
SLOT_BYTES = 512 * 1024
LEAST_SLOT_BYTES = 4096
"""Smallest size of a slot, on a nearly full disk; with less space a server does not start."""

_MAGIC = b"GPSPOOL1"
_HEAD = struct.Struct("<8sIIQ")
_SLOT = struct.Struct("<QQ")
_NUMBER_BYTES = 8
"""Of a number of a slot. All our machines store the lowest byte first, as `_SLOT` says."""
_COUNTS = struct.Struct("<QQqQI")
"""Lost requests, their rows, the number of the first, where in the spool file, and whether the
writer has ended."""
_ACCOUNT = struct.Struct(f"{_COUNTS.format}I")
"""The same with its checksum: a kill in the middle of a change shows."""
_ACCOUNT_AT = _HEAD.size
_SLOTS_AT = 64
_CONTENT = 4096
_MOST_SLOTS = (_CONTENT - _SLOTS_AT) // _SLOT.size


@dataclass(frozen=True, slots=True)
class SpoolAccount:
    """What the writer of a spool file counted and could not put into a frame."""

    lost: SpoolMark
    at: int
    """Offset in the spool file. Where frames follow it, one of them already says the same."""
    is_closed: bool
    """Whether the writer ended in order, although the end mark did not fit on the disk."""


class SpoolBuffer:
    """The writing side. One thread appends frames; any thread moves them to the file.

    The appending thread owns the current slot and its length. The flushing thread owns the offset
    of the file. Two queues pass slots between them, so the path of a request takes no lock.
    """

    def __init__(self, path: Path, *, slots: int = SLOTS, slot_bytes: int = SLOT_BYTES) -> None:
        """Make the file, replacing one that a dead server left behind.

        Raises `OSError` if there is no room for it.
        """
        self.path = path
        self.slot_bytes = slot_bytes
        size = _CONTENT + slots * slot_bytes
        path.unlink(missing_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self.descriptor = os.open(path, flags, 0o600)
        try:
            os.posix_fallocate(self.descriptor, 0, size)
            self._memory = mmap.mmap(self.descriptor, size)
        except OSError:
            os.close(self.descriptor)
            path.unlink(missing_ok=True)
            raise
        self._numbers = memoryview(self._memory)[:_CONTENT].cast("Q")
        """The part before the slots as numbers. To set one is a single store, and `pack_into` is
        not: it fills with zeros first, so a kill in between would take back a whole slot."""
        self._slots = slots
        self._free = deque(range(1, slots))
        self._filled: deque[int] = deque()
        """Slots that are full and wait for the file, the oldest first."""
        self._flushing = threading.Lock()
        self._file = -1
        self._flushed = 0
        """Offset up to which the spool file has everything."""
        self.has_written = False
        """Whether the spool file got something since this was last set to false."""
        self._active = 0
        self._length_at = self._first = self._at = self._until = self._base = 0
        """The number that is the length of the slot that is filled; where in memory its first byte,
        its next one and its end are; and what is to be taken off for the offset in the file."""
        self._use(0, 0)

    def begin(self, number: int, descriptor: int, offset: int) -> None:
        """Continue with another spool file from `offset` on, after everything was flushed."""
        with self._flushing:
            self._file, self._flushed = descriptor, offset
            self._use(self._active, offset)
            _HEAD.pack_into(self._memory, 0, _MAGIC, number, self._slots, self.slot_bytes)
        self.keep_account(SpoolMark())

    def keep_account(self, lost: SpoolMark, *, is_closed: bool = False) -> None:
        """Keep what no frame says yet. Its place is allocated, so a full disk cannot prevent it."""
        counts = (lost.lost, lost.lost_rows, lost.first_lost, self.end, is_closed)
        checksum = crc32(_COUNTS.pack(*counts))
        _ACCOUNT.pack_into(self._memory, _ACCOUNT_AT, *counts, checksum)

    def rename(self, path: Path) -> None:
        """Move the buffer beside another spool file. Raises `OSError`."""
        self.path.rename(path)
        self.path = path

    @property
    def end(self) -> int:
        """Return the size of the spool file once everything is in it."""
        return self._at - self._base

    def put(self, payload: bytes, limit: int) -> bool:
        """Append a frame; false if it does not fit the slot, or a file of `limit` bytes.

        A negative limit means no limit.
        """
        at, size = self._at, len(payload)
        end = at + FRAME.size + size
        if end > self._until or 0 <= limit < end - self._base:
            return False
        memory = self._memory
        memory[at + FRAME.size : end] = payload
        FRAME.pack_into(memory, at, size, crc32(payload))
        # The length is written last: until then the frame does not count.
        self._numbers[self._length_at] = end - self._first
        self._at = end
        return True

    def turn_over(self) -> bool:
        """Continue in a free slot; false if there is none."""
        if self._at == self._first:
            return True
        if not self._free:
            return False
        full, offset = self._active, self.end
        # The last freed slot: the fewer slots are in use, the better the caches work.
        self._use(self._free.pop(), offset)
        self._filled.append(full)
        return True

    def skip(self, size: int) -> None:
        """Note that everything was flushed, and `size` bytes bypassed the buffer."""
        with self._flushing:
            self._flushed += size
            self._use(self._active, self._flushed)

    def flush(self) -> None:
        """Write the waiting frames to the spool file. After an `OSError` all of them still wait."""
        with self._flushing:
            while self._filled:
                slot = self._filled[0]
                # The order matters: written, then marked as empty, then offered again. A reader
                # that sees the slot reused knows that the file has its bytes.
                self._write(slot)
                self._filled.popleft()
                _SLOT.pack_into(self._memory, _slot_at(slot), 0, 0)
                self._free.append(slot)
            self._write(self._active)

    def close(self, *, keep: bool) -> None:
        """Release the memory; `keep` leaves the file for the reader of the spool."""
        self._numbers.release()
        self._memory.close()
        os.close(self.descriptor)
        if not keep:
            self.path.unlink(missing_ok=True)

    def _use(self, slot: int, offset: int) -> None:
        """Start to fill a slot, whose place in the spool file is `offset`."""
        self._active, self._length_at = slot, _slot_at(slot) // _NUMBER_BYTES + 1
        self._first = self._at = _content_at(slot, self.slot_bytes)
        self._until, self._base = self._first + self.slot_bytes, self._first - offset
        _SLOT.pack_into(self._memory, _slot_at(slot), offset, 0)

    def _write(self, slot: int) -> None:
        """Write the part of a slot that the file lacks; the slot may grow meanwhile."""
        start, length = _SLOT.unpack_from(self._memory, _slot_at(slot))
        at, flushed = _content_at(slot, self.slot_bytes), self._flushed - start
        # The file is ahead of an empty slot, and behind one whose earlier slots still wait.
        if not 0 <= flushed < length:
            return
        with memoryview(self._memory) as whole, whole[at + flushed : at + length] as content:
            self.has_written = True
            while content:
                written = os.pwrite(self._file, content, self._flushed)
                self._flushed += written
                content = content[written:]


def slot_bytes_for(folder: Path) -> int:
    """The size of a slot there: all of them take a quarter of what is free at most.

    Raises `OSError` if the file system cannot say what is free.
    """
    system = os.statvfs(folder)
    free = system.f_bavail * system.f_frsize
    return max(LEAST_SLOT_BYTES, min(SLOT_BYTES, free // 4 // SLOTS))


def buffer_of(path: Path) -> Path:
    """Return the path of the buffer of a spool file."""
    return path.with_suffix(SUFFIX)


def unflushed(path: Path, offset: int) -> bytes:
    """Return the buffered part of a spool file from `offset` on; maybe nothing.

    Frames at the end may be torn while a server writes them.
    """
    try:
        descriptor = os.open(buffer_of(path), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""
    try:
        return _read(descriptor, path, offset)
    finally:
        os.close(descriptor)


def account_of(path: Path) -> SpoolAccount | None:
    """Return the account of the writer of a spool file; None if there is none that is whole."""
    try:
        with buffer_of(path).open("rb") as file:
            head = _head(file.fileno(), path)
    except FileNotFoundError:
        return None
    if not head:
        return None
    *counts, checksum = _ACCOUNT.unpack_from(head, _ACCOUNT_AT)
    if crc32(_COUNTS.pack(*counts)) != checksum:
        return None  # torn by a kill, or from a version without accounts
    lost, rows, first, at, is_closed = counts
    return SpoolAccount(SpoolMark(lost, rows, first), at, bool(is_closed))


def _head(descriptor: int, path: Path) -> bytes:
    """Return the part before the slots; empty if the buffer is not that of the spool file."""
    head = os.pread(descriptor, _CONTENT, 0)
    if len(head) < _CONTENT:
        return b""
    magic, number, slots, _ = _HEAD.unpack_from(head)
    is_its = magic == _MAGIC and f"{number:04d}" == path.stem.rpartition(".")[2]
    return head if is_its and slots <= _MOST_SLOTS else b""


def _read(descriptor: int, path: Path, offset: int) -> bytes:
    head = _head(descriptor, path)
    if not head:
        return b""
    _, _, slots, slot_bytes = _HEAD.unpack_from(head)
    places = sorted((*_SLOT.unpack_from(head, _slot_at(slot)), slot) for slot in range(slots))
    result = b""
    for start, length, slot in places:
        if not start <= offset < start + length or length > slot_bytes:
            continue
        content = os.pread(
            descriptor, start + length - offset, _content_at(slot, slot_bytes) + offset - start
        )
        # A seqlock of one writer: what was read counts only if the numbers are still the same.
        after = os.pread(descriptor, _CONTENT, 0)
        still, now = _SLOT.unpack_from(after, _slot_at(slot))
        if (still, after[: _HEAD.size]) != (start, head[: _HEAD.size]) or now < length:
            break  # the server has reused the slot: the file has its content by now
        result += content
        offset += len(content)
    return result


def _slot_at(slot: int) -> int:
    return _SLOTS_AT + slot * _SLOT.size


def _content_at(slot: int, slot_bytes: int) -> int:
    return _CONTENT + slot * slot_bytes
