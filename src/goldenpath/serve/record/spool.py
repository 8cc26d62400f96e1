"""Writing the record of answers down before they are sent, whatever the disk does.

`SpoolWriter.append` is one `write` in the event loop. The kernel keeps what was written when the
process dies; a thread asks the disk every second to keep it when the machine dies. Where a write
fails, the writer counts what it could not keep and says so in the file once it can write again:
nothing goes missing silently. Whether serving may go on meanwhile is the caller's policy.
"""

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from goldenpath.errors import Unavailable
from goldenpath.serve.record.clock import clock_state
from goldenpath.serve.record.spool_format import Answered, SpoolHeader, SpoolMark, render_frame

ROTATE_BYTES = 64 * 1024 * 1024
ROTATE_SECONDS = 60.0
SYNC_SECONDS = 1.0


class SpoolWriter:
    """The spool files of one server, one after the other; used from one thread."""

    def __init__(
        self,
        folder: Path,
        header: SpoolHeader,
        *,
        report: Callable[[str], None],
        rotate_bytes: int = ROTATE_BYTES,
        rotate_seconds: float = ROTATE_SECONDS,
    ) -> None:
        """Opens the first file. Raises `Unavailable` if it cannot be written."""
        self._folder = folder
        self._header = header
        self._report = report
        self._rotate_bytes = rotate_bytes
        self._rotate_seconds = rotate_seconds
        self._number = 0
        self._file = -1
        self._size = 0
        self._opened = 0.0
        self._next = header.first
        self._lost = SpoolMark()
        self._is_failing = False
        self.lost_ever = 0
        self._sync = _Sync(report)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._open()
        except OSError as error:
            raise Unavailable(f"the spool in {folder} cannot be written: {error}") from error

    @property
    def path(self) -> Path:
        """The file that is written now."""
        header = self._header
        name = f"{header.stage}.{header.model}.{header.replica}.{self._number:04d}.spool"
        return self._folder / name

    def append(self, records: Sequence[Answered]) -> bool:
        """Writes one frame; false if it could not be, and then nothing of it is in the file.

        Follow a false with `lose(records)` if the answers are sent all the same.
        """
        try:
            if self._file < 0 or self._is_full():
                self._rotate()
            if self._lost.lost:
                self._write(render_frame(self._lost))
                self._lost = SpoolMark()
            self._write(render_frame(list(records)))
        except OSError as error:
            # Said once, not for every turn until somebody makes space.
            if not self._is_failing:
                self._report(f"records cannot be written to {self.path.name}: {error}")
            self._is_failing = True
            return False
        if self._is_failing:
            self._report(f"records are written again; {self.lost_ever} were lost so far")
            self._is_failing = False
        self._next = records[-1].sequence + 1
        return True

    def lose(self, records: Sequence[Answered]) -> None:
        """Remembers that these were answered without a record, for the next frame to say."""
        lost = self._lost
        self._lost = SpoolMark(
            lost=lost.lost + len(records),
            lost_rows=lost.lost_rows + sum(record.rows for record in records),
            first_lost=lost.first_lost if lost.lost else records[0].sequence,
        )
        self._next = records[-1].sequence + 1
        self.lost_ever += len(records)

    def close(self) -> None:
        """Writes the end mark and waits until the disk has everything."""
        if self._file >= 0:
            try:
                self._end()
            except OSError as error:
                self._report(f"{self.path.name} could not be ended: {error}")
        self._sync.close()

    def _is_full(self) -> bool:
        return self._size >= self._rotate_bytes or (
            time.monotonic() - self._opened >= self._rotate_seconds
        )

    def _rotate(self) -> None:
        if self._file >= 0:
            self._end()
        self._open()

    def _open(self) -> None:
        while True:
            self._number += 1
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            try:
                descriptor = os.open(self.path, flags, 0o600)
                break
            except FileExistsError:
                continue
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._file, self._size, self._opened = descriptor, 0, time.monotonic()
        try:
            self._write(render_frame(_at(self._header, self._next)))
        except OSError:
            self._file = -1
            os.close(descriptor)
            # A file without its header would be read as damage; the next try takes a new number.
            with contextlib.suppress(OSError):
                self.path.unlink()
            raise
        self._sync.watch(descriptor)

    def _end(self) -> None:
        if self._lost.lost:
            self._write(render_frame(self._lost))
            self._lost = SpoolMark()
        self._write(render_frame(SpoolMark(end=True, next=self._next)))
        self._sync.release(self._file)
        self._file = -1

    def _write(self, frame: bytes) -> None:
        written = os.write(self._file, frame)
        if written == len(frame):
            self._size += written
            self._sync.dirty = True
            return
        # A full disk takes a part: cut it off, so that what is in the file stays whole frames.
        os.ftruncate(self._file, self._size)
        raise OSError(28, "no space left for a whole frame")


class _Sync:
    """Asks the disk once a second to keep what the kernel has; never in the way of the writer."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self.dirty = False
        self._report = report
        self._current = -1
        self._finished: list[int] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spool-sync", daemon=True)
        self._thread.start()

    def watch(self, descriptor: int) -> None:
        """Keeps the file in step with the disk from now on."""
        with self._lock:
            self._current = descriptor

    def release(self, descriptor: int) -> None:
        """Syncs the file once more and closes it."""
        with self._lock:
            self._finished.append(descriptor)
            if self._current == descriptor:
                self._current = -1

    def close(self) -> None:
        """Ends after a last round."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(SYNC_SECONDS):
            self._round()
        self._round()

    def _round(self) -> None:
        with self._lock:
            finished, self._finished = self._finished, []
            current = self._current if self.dirty else -1
            self.dirty = False
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


def _at(header: SpoolHeader, first: int) -> SpoolHeader:
    clock = clock_state()
    return replace(
        header,
        started=time.time_ns(),
        first=first,
        clock_offset=clock.offset if clock else None,
        clock_error=clock.error if clock else None,
    )
