"""The spool writer: records answers before they are sent, even if the disk fails.

`SpoolWriter.append` is one copy into shared memory in the event loop (see `spool_buffer.py`): the
kernel keeps it when the process dies. A thread moves it to the spool file and asks the disk every
second to keep it when the machine dies. Where the file cannot be written, nothing new is taken: the
writer counts what it could not keep and says so in the file once it can write again. Meanwhile the
count is in shared memory and outlives the process. So no loss is silent. The policy of the caller
decides whether serving continues meanwhile.
"""

import errno
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_FSIZE, getrlimit

from msgspec.structs import replace

from goldenpath.errors import Unavailable
from goldenpath.files import take_lock
from goldenpath.serve.record.clock import clock_state
from goldenpath.serve.record.spool_buffer import SLOT_BYTES, SpoolBuffer, buffer_of, slot_bytes_for
from goldenpath.serve.record.spool_format import (
    FRAME,
    SpoolHeader,
    SpoolMark,
    framed,
    render,
    render_frame,
)

ROTATE_BYTES = 64 * 1024 * 1024
ROTATE_SECONDS = 60.0
SYNC_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _SpoolFile:
    """A spool file that is open."""

    path: Path
    number: int
    descriptor: int
    header_size: int


class SpoolWriter:
    """The successive spool files of one server; used from one thread."""

    def __init__(
        self,
        folder: Path,
        header: SpoolHeader,
        *,
        report: Callable[[str], None],
        rotate_bytes: int = ROTATE_BYTES,
        rotate_seconds: float = ROTATE_SECONDS,
        slot_bytes: int = SLOT_BYTES,
    ) -> None:
        """Open the first file. Raises `Unavailable` if it cannot be written."""
        self._folder = folder
        self._header = header
        self._report = report
        self._rotate_bytes = rotate_bytes
        self._rotate_seconds = rotate_seconds
        self._rotate_at = 0
        """In monotonic nanoseconds."""
        self._file = _SpoolFile(folder, 0, -1, 0)
        self._next = header.first
        self._lost = SpoolMark()
        self._is_failing = False
        self.lost_ever = 0
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = self._new_file()
            try:
                # The writer changes files when a slot is full, so a slot is no larger than a file.
                size = min(slot_bytes_for(folder), rotate_bytes, slot_bytes)
                self._buffer = SpoolBuffer(buffer_of(file.path), slot_bytes=size)
            except OSError:
                _discard(file)
                raise
        except OSError as error:
            raise Unavailable(f"the spool in {folder} cannot be written: {error}") from error
        self._flusher = _Flusher(self._buffer, self._fail, report)
        self._go_on_in(file)

    @property
    def path(self) -> Path:
        """The current file."""
        return self._file.path

    def append(self, payload: bytes, first: int, size: int, now: int) -> bool:
        """Write the frame of a turn; false if that failed, and then no part of it is stored.

        The turn has `size` requests from the sequence number `first` on and ended at the monotonic
        time `now`. After false, call `lose` if the answers are sent nevertheless.
        """
        try:
            if now >= self._rotate_at or self._is_failing or self._lost.lost:
                self._prepare(now)
            # Memory knows no limit of files, and the file would meet it only after the answer.
            if not self._buffer.put(payload, getrlimit(RLIMIT_FSIZE)[0]):
                self._put_slowly(payload)
        except OSError as error:
            self._fail(error)
            return False
        if self._is_failing:
            self._report(f"records are written again; {self.lost_ever} were lost so far")
            self._is_failing = False
        self._next = first + size
        return True

    def lose(self, first: int, size: int, rows: int) -> None:
        """Count a turn that was answered without a record; the next frame reports it."""
        lost = self._lost
        self._lost = SpoolMark(
            lost=lost.lost + size,
            lost_rows=lost.lost_rows + rows,
            first_lost=lost.first_lost if lost.lost else first,
        )
        self._buffer.keep_account(self._lost)
        self._next = first + size
        self.lost_ever += size

    def close(self) -> None:
        """Write the end mark and wait until the disk has everything."""
        is_ended = False
        try:
            self._write_lost()
            self._buffer.flush()
            self._end(self._file)
            is_ended = True
        except OSError as error:
            self._buffer.keep_account(self._lost, is_closed=True)
            self._report(f"{self.path.name} could not be ended: {error}")
        self._flusher.release(self._file.descriptor)
        self._flusher.close()
        # Without an end mark the buffer may have frames that the file lacks.
        self._buffer.close(keep=not is_ended)

    def _fail(self, error: OSError) -> None:
        # Reported once, not for every turn until there is space.
        if not self._is_failing:
            self._report(f"records cannot be written to {self.path.name}: {error}")
        self._is_failing = True

    def _prepare(self, now: int) -> None:
        """Prepare for the next frame. Raises `OSError` if none can follow."""
        if now >= self._rotate_at:
            self._rotate()
        if self._is_failing:
            # Earlier frames must be in the file before the writer accepts another one.
            self._buffer.flush()
        self._write_lost()

    def _rotate(self) -> None:
        """Continue in a new file; if that fails, continue in the old one.

        The buffer moves to the new file before the end mark is written: a reader of the mark may
        delete the file and its buffer.
        """
        self._write_lost()
        self._buffer.flush()
        before, file = self._file, self._new_file()
        try:
            self._buffer.rename(buffer_of(file.path))
        except OSError:
            _discard(file)
            raise
        self._go_on_in(file)
        try:
            self._end(before, goes_on=True)
        except OSError as error:
            # It is complete: without the mark it is read like the file of a killed server.
            self._report(f"{before.path.name} could not be ended: {error}")
        self._flusher.release(before.descriptor)

    def _new_file(self) -> "_SpoolFile":
        header, number = self._header, self._file.number
        while True:
            number += 1
            name = f"{header.stage}.{header.model}.{header.replica}.{number:04d}.spool"
            path = self._folder / name
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            try:
                descriptor = os.open(path, flags, 0o600)
                break
            except FileExistsError:
                continue
        try:
            if not take_lock(descriptor, wait=False):
                raise BlockingIOError(errno.EWOULDBLOCK, "another process has the new spool file")
            first = render_frame(_at(header, self._next))
            _write_whole(descriptor, first, 0)
        except OSError:
            os.close(descriptor)
            # A file without its header would count as damaged; the next try makes a new one.
            path.unlink(missing_ok=True)
            raise
        return _SpoolFile(path, number, descriptor, len(first))

    def _go_on_in(self, file: "_SpoolFile") -> None:
        self._file = file
        self._rotate_at = time.monotonic_ns() + int(self._rotate_seconds * 1e9)
        self._buffer.begin(file.number, file.descriptor, file.header_size)
        self._flusher.watch(file.descriptor)

    def _end(self, file: "_SpoolFile", *, goes_on: bool = False) -> None:
        frame = render_frame(SpoolMark(end=True, next=self._next, goes_on=goes_on))
        _write_whole(file.descriptor, frame, os.fstat(file.descriptor).st_size)

    def _write_lost(self) -> None:
        if self._lost.lost:
            self._put_slowly(render(self._lost))
            self._lost = SpoolMark()
            self._buffer.keep_account(self._lost)

    def _put_slowly(self, payload: bytes) -> None:
        """Make room for a frame. Raises `OSError` if that is impossible.

        If the disk is slower than the traffic, callers wait for it here.
        """
        limit = getrlimit(RLIMIT_FSIZE)[0]
        end = self._buffer.end + FRAME.size + len(payload)
        if end > limit != RLIM_INFINITY:
            raise OSError(errno.EFBIG, "the file may not grow to hold a whole frame")
        if not self._buffer.turn_over():
            self._buffer.flush()
            self._buffer.turn_over()
        self._flusher.wake()
        if not self._buffer.put(payload, limit):
            # A frame larger than a slot goes to the file directly, behind everything that waits.
            frame = framed(payload)
            self._buffer.flush()
            _write_whole(self._file.descriptor, frame, self._buffer.end)
            self._buffer.skip(len(frame))
        if self._buffer.end >= self._rotate_bytes:
            self._rotate_at = 0


class _Flusher:
    """Moves frames from memory to the file, and syncs the disk once a second."""

    def __init__(
        self, buffer: SpoolBuffer, fail: Callable[[OSError], None], report: Callable[[str], None]
    ) -> None:
        self._buffer = buffer
        self._fail = fail
        self._report = report
        self._current = -1
        self._finished: list[int] = []
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="spool-sync", daemon=True)
        self._thread.start()

    def watch(self, descriptor: int) -> None:
        """Flush and sync this file from now on."""
        with self._lock:
            self._current = descriptor

    def release(self, descriptor: int) -> None:
        """Sync the file once more and close it."""
        with self._lock:
            self._finished.append(descriptor)
            if self._current == descriptor:
                self._current = -1

    def wake(self) -> None:
        """Move the waiting frames now."""
        if not self._wanted.is_set():
            self._wanted.set()

    def close(self) -> None:
        """Stop after a last round."""
        self._is_stopping = True
        self._wanted.set()
        self._thread.join()

    def _run(self) -> None:
        due = time.monotonic() + SYNC_SECONDS
        while not self._is_stopping:
            self._wanted.wait(max(0.0, due - time.monotonic()))
            self._wanted.clear()
            self._flush()
            if time.monotonic() >= due:
                self._sync()
                due = time.monotonic() + SYNC_SECONDS
        self._sync()

    def _flush(self) -> None:
        try:
            self._buffer.flush()
        except OSError as error:
            self._fail(error)
            # Accepted frames are only in the buffer, so the buffer must be synced.
            self._keep(self._buffer.descriptor)

    def _sync(self) -> None:
        with self._lock:
            finished, self._finished = self._finished, []
            current = self._current if self._buffer.has_written else -1
            self._buffer.has_written = False
        for descriptor in finished:
            self._keep(descriptor)
            os.close(descriptor)
        if current >= 0:
            self._keep(current)

    def _keep(self, descriptor: int) -> None:
        try:
            os.fdatasync(descriptor)
        except OSError as error:
            self._report(f"records may not survive a power cut: {error}")


def _discard(file: _SpoolFile) -> None:
    """Remove a new file that has no record of an answer."""
    os.close(file.descriptor)
    file.path.unlink(missing_ok=True)


def _write_whole(descriptor: int, frame: bytes, offset: int) -> None:
    written = os.pwrite(descriptor, frame, offset)
    if written < len(frame):
        # A full disk stores a part of a frame: cut it off, so that the file has only whole frames.
        os.ftruncate(descriptor, offset)
        raise OSError(errno.ENOSPC, "no space left for a whole frame")


def _at(header: SpoolHeader, first: int) -> SpoolHeader:
    clock = clock_state()
    return replace(
        header,
        started=time.time_ns(),
        first=first,
        clock_offset=clock.offset if clock else None,
        clock_error=clock.error if clock else None,
    )
