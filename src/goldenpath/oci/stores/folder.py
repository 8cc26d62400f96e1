"""Writes the files of a layout, so that a file is whole or absent even if a writer is killed.

Several processes may write at the same time.
"""

import os
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from threading import Lock, RLock

from goldenpath.canonical import MAX_DOCUMENT
from goldenpath.errors import NotFound, Unavailable, VerificationError
from goldenpath.files import sync_folder, take_lock
from goldenpath.oci.store import CHUNK
from goldenpath.oci.stream import VerifiedStream

_OWN_FOLDER = "goldenpath"
_WRITEBACK_BYTES = 8 * 1024 * 1024
"""Bytes after which write-back to disk starts, so that the fsync at the end has little to do."""
_ABANDONED_SECONDS = 60
"""Age after which an unfinished file without a lock is removed."""

_RESUMABLE_PREFIX = "sha256-"
_RESUMABLE_SECONDS = 7 * 24 * 3600
"""Age after which a large unfinished blob is removed; until then a writer can resume it."""


class Folder:
    """Writes files below `root` by temporary name, fsync and rename, and holds one edit lock."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._own = root / _OWN_FOLDER
        self._thread = RLock()
        self._swept = False
        self._unsynced_lock = Lock()
        self._unsynced: set[Path] = set()

    def own(self, name: str) -> Path:
        """Return the path of a file in goldenpath's own folder of the store."""
        return self._own / name

    def create(self, folders: Iterable[Path]) -> None:
        """Create the folders, and goldenpath's own folder."""
        with self._write_errors():
            for folder in (*folders, self._own / "partial"):
                folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the edit lock against other threads and processes. Must not be nested."""
        with self._thread:
            with self._write_errors():
                self._own.mkdir(parents=True, exist_ok=True)
                lock = os.open(self._own / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                take_lock(lock)
                yield
            finally:
                os.close(lock)

    def write(
        self,
        target: Path | Callable[[], Path],
        chunks: Iterable[bytes],
        *,
        sync_later: bool = False,
    ) -> None:
        """Write all chunks to a file that appears under its name only when it is complete.

        A callable target is called after the last chunk, when the digest is known. If a chunk
        raises, nothing is left. With `sync_later` the file is durable only after the next write
        without `sync_later`.
        """
        partial = self._own / "partial" / secrets.token_hex(16)
        with self._write_errors():
            partial.parent.mkdir(parents=True, exist_ok=True)
            self._sweep()
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            with FileIO(descriptor, "wb") as file:
                take_lock(file)
                self._fill(file, chunks)
                if not sync_later:
                    self._sync_all()
                    with self._write_errors():
                        os.fsync(descriptor)
            with self._write_errors():
                final = target() if callable(target) else target
                partial.replace(final)
                if not sync_later:
                    sync_folder(final.parent)
                    return
            self.sync_later(final)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise

    def sync_later(self, path: Path) -> None:
        """Sync this file together with the next file that is written without `sync_later`.

        Syncing many files at once costs hardly more than syncing one. A file that a killed writer
        left behind is passed here too, before it is reported as present.
        """
        with self._unsynced_lock:
            self._unsynced.add(path)

    def _sync_all(self) -> None:
        # Under the lock: another thread must not find the set empty before these files are synced.
        with self._unsynced_lock, self._write_errors():
            folders = set()
            for path in self._unsynced:
                with suppress(FileNotFoundError):
                    _sync_file(path)
                    folders.add(path.parent)
            for folder in folders:
                sync_folder(folder)
            self._unsynced.clear()

    def resume(self, target: Path, source: VerifiedStream) -> None:
        """Write like `write`, and continue the partial file of a killed writer if there is one.

        The partial content is read once to be hashed; if it is bad, all is written again. As with
        `sync_later`, the file is durable only after the next write.
        """
        partial = self._own / "partial" / (_RESUMABLE_PREFIX + target.name)
        with self._write_errors():
            partial.parent.mkdir(parents=True, exist_ok=True)
            self._sweep()
            descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        with FileIO(descriptor, "r+b") as file:
            if not _holds_lock(file, partial):
                self.write(target, source, sync_later=True)
                return
            have = os.fstat(descriptor).st_size
            try:
                if not 0 < have <= source.descriptor.size:
                    file.truncate(0)
                    self._fill(file, source)
                elif not self._complete(file, source, stream_regular(partial), have):
                    file.truncate(0)
                    self._fill(file, source.restarted())
            except (NotFound, VerificationError):
                partial.unlink(missing_ok=True)
                raise
            with self._write_errors():
                partial.replace(target)
        self.sync_later(target)

    def _complete(
        self, file: FileIO, source: VerifiedStream, left: Iterator[bytes], have: int
    ) -> bool:
        """Append the rest of the content; False if the result does not verify."""
        try:
            self._fill(file, source.restarted(left, have), have)
        except VerificationError:
            # A crash of the machine may have damaged the partial file. The caller then reads the
            # source alone; if that fails too, the source is bad.
            return False
        return True

    def _fill(self, file: FileIO, chunks: Iterable[bytes], have: int = 0) -> None:
        """Write the chunks except the first `have` bytes, which the file has already."""
        begun = size = 0
        file.seek(have)
        for chunk in chunks:
            size += len(chunk)
            if size <= have:
                begun = size
                continue
            with self._write_errors():
                _write_all(file.fileno(), chunk)
            if size - begun >= _WRITEBACK_BYTES:
                begin_writeback(file.fileno(), begun, size - begun)
                begun = size
        begin_writeback(file.fileno(), begun, size - begun)

    def _sweep(self) -> None:
        """Remove the partial files of killed writers; runs once per process."""
        if self._swept:
            return
        self._swept = True
        for partial in (self._own / "partial").iterdir():
            # A running writer holds a lock on its file. The age covers the moment between creating
            # and locking it.
            with suppress(FileNotFoundError), partial.open("rb") as file:
                if not take_lock(file, wait=False):
                    continue
                is_resumable = partial.name.startswith(_RESUMABLE_PREFIX)
                limit = _RESUMABLE_SECONDS if is_resumable else _ABANDONED_SECONDS
                if time.time() - partial.stat().st_mtime > limit:
                    partial.unlink()

    def remove_older(self, path: Path, time_limit: float) -> bool:
        """Remove a file that was stored before a time; False if it is newer or gone.

        A pusher that finds the content present makes it young first. So the file is set aside, and
        comes back if somebody did that meanwhile.
        """
        aside = self._own / "partial" / secrets.token_hex(16)
        with self._write_errors():
            aside.parent.mkdir(parents=True, exist_ok=True)
            try:
                if path.lstat().st_mtime >= time_limit:
                    return False
                path.rename(aside)
            except FileNotFoundError:
                return False
            if aside.lstat().st_mtime >= time_limit:
                aside.replace(path)
                return False
            aside.unlink()
        return True

    def append_line(self, name: str, line: str) -> None:
        """Append a line to a file of goldenpath's own folder, and sync it."""
        with self.locked():
            self.append_line_held(name, line)

    def append_line_held(self, name: str, line: str) -> None:
        """Do what `append_line` does; the caller holds the edit lock."""
        with self._write_errors():
            path = self._own / name
            torn = _last_byte(path) not in (b"", b"\n")
            with path.open("ab", buffering=0) as file:
                file.write(("\n" if torn else "").encode() + line.encode() + b"\n")
                os.fsync(file.fileno())

    @contextmanager
    def _write_errors(self) -> Iterator[None]:
        """Turn an `OSError` of a write into `Unavailable`."""
        try:
            yield
        except OSError as error:
            raise Unavailable(
                f"the store {self._root} cannot be written: {error.strerror}",
                hint="check the free space and permissions of the folder, then run again",
            ) from error


def read_regular(path: Path, limit: int = MAX_DOCUMENT) -> bytes | None:
    """Return the content of a small file, or None if it is absent.

    Raises `VerificationError` above `limit` bytes or if it is not a regular file.
    """
    try:
        with _open(path) as file:
            content = file.read(limit + 1)
    except FileNotFoundError:
        return None
    if len(content) > limit:
        raise VerificationError(f"{path} is too large: expected at most {limit} bytes")
    return content


def stream_regular(path: Path, start: int = 0) -> Iterator[bytes]:
    """Yield the content of a file from byte `start` on. Raises `NotFound` if it is absent."""
    try:
        file = _open(path)
    except FileNotFoundError as error:
        raise NotFound(f"{path.name} is not in the store {path.parents[2]}") from error
    with file:
        file.seek(start)
        while chunk := file.read(CHUNK):
            yield chunk


def _open(path: Path) -> FileIO:
    # Without O_NONBLOCK, opening a named pipe would block for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise VerificationError(f"{path} is not a regular file")
    return FileIO(descriptor, "rb")


def _holds_lock(file: FileIO, path: Path) -> bool:
    """Whether we could lock the open file, and `path` still names this file."""
    try:
        is_ours = take_lock(file, wait=False)
        return is_ours and os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def begin_writeback(descriptor: int, start: int, size: int) -> None:
    """Start writing a range of a file to disk, and do not wait for it.

    On Linux `POSIX_FADV_DONTNEED` starts write-back of dirty pages. On other systems the fsync at
    the end does all the work.
    """
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, start, size, os.POSIX_FADV_DONTNEED)


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]


def _last_byte(path: Path) -> bytes:
    if not path.is_file() or path.stat().st_size == 0:
        return b""
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)
