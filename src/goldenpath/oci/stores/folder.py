"""Files that are whole or absent, whoever else writes and whenever somebody is killed."""

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

_OURS = "goldenpath"
_WRITEBACK = 8 * 1024 * 1024
"""Bytes after which the disk begins, so that the fsync at the end finds little left to do."""
_ABANDONED = 60
"""Seconds after which an unfinished file that nobody holds belongs to nobody."""

_RESUMED = "sha256-"
_RESUMABLE = 7 * 24 * 3600
"""Seconds for which a large unfinished blob waits to be taken up."""


class Folder:
    """Writes below `root`: temporary name, fsync, rename; one lock for what is edited."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._own = root / _OURS
        self._thread = RLock()
        self._swept = False
        self._waiting = Lock()
        self._unsynced: set[Path] = set()

    def own(self, name: str) -> Path:
        """One of our own files."""
        return self._own / name

    def create(self, folders: Iterable[Path]) -> None:
        """Makes the folders and our own."""
        with self._words():
            for folder in (*folders, self._own / "partial"):
                folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the one lock against other threads and processes. Do not nest."""
        with self._thread:
            with self._words():
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
        """Writes all chunks to a file that then appears at once.

        A callable target is asked after the last chunk, when the digest is known. If a chunk
        raises, nothing is left. With `sync_later` the disk has begun with it when this returns;
        it is there for good once a file has been written without `sync_later`.
        """
        partial = self._own / "partial" / secrets.token_hex(16)
        with self._words():
            partial.parent.mkdir(parents=True, exist_ok=True)
            self._sweep()
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            with FileIO(descriptor, "wb") as file:
                take_lock(file)
                self._fill(file, chunks)
                if not sync_later:
                    self._settle()
                    with self._words():
                        os.fsync(descriptor)
            with self._words():
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
        """Has the file brought to the disk with the next that is written for good.

        Many files at once cost the disk hardly more than one. Whoever finds a file of a writer
        that was killed names it here too, before saying that it is there.
        """
        with self._waiting:
            self._unsynced.add(path)

    def _settle(self) -> None:
        # Under the lock: who writes meanwhile may rely on a file that is on its way.
        with self._waiting, self._words():
            folders = set()
            for path in self._unsynced:
                with suppress(FileNotFoundError):
                    _sync_file(path)
                    folders.add(path.parent)
            for folder in folders:
                sync_folder(folder)
            self._unsynced.clear()

    def take_up(self, target: Path, source: VerifiedStream) -> None:
        """Writes like `write`, and goes on with what a killed writer left of the same content.

        What was left is read once to be hashed, and written anew if it turns out to be bad. Like
        `sync_later`, it is there for good with the next file.
        """
        partial = self._own / "partial" / (_RESUMED + target.name)
        with self._words():
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
                elif not self._filled_up(file, source, stream_regular(partial), have):
                    file.truncate(0)
                    self._fill(file, source.again())
            except (NotFound, VerificationError):
                partial.unlink(missing_ok=True)
                raise
            with self._words():
                partial.replace(target)
        self.sync_later(target)

    def _filled_up(
        self, file: FileIO, source: VerifiedStream, left: Iterator[bytes], have: int
    ) -> bool:
        try:
            self._fill(file, source.again(left, have), have)
        except VerificationError:
            # A crash of the machine may have left anything; the source gets a fair trial alone.
            return False
        return True

    def _fill(self, file: FileIO, chunks: Iterable[bytes], have: int = 0) -> None:
        """Writes the chunks but for the first `have` bytes, which are there."""
        begun = size = 0
        file.seek(have)
        for chunk in chunks:
            size += len(chunk)
            if size <= have:
                begun = size
                continue
            with self._words():
                _write_all(file.fileno(), chunk)
            if size - begun >= _WRITEBACK:
                begin_writeback(file.fileno(), begun, size - begun)
                begun = size
        begin_writeback(file.fileno(), begun, size - begun)

    def _sweep(self) -> None:
        """Removes, once, what writers left unfinished when they were killed."""
        if self._swept:
            return
        self._swept = True
        for partial in (self._own / "partial").iterdir():
            # A living writer holds a lock on its file; the age covers the moment before it does.
            with suppress(FileNotFoundError), partial.open("rb") as file:
                if not take_lock(file, wait=False):
                    continue
                kept = _RESUMABLE if partial.name.startswith(_RESUMED) else _ABANDONED
                if time.time() - partial.stat().st_mtime > kept:
                    partial.unlink()

    def append_line(self, name: str, line: str) -> None:
        """Adds a line to one of our own files; it is on disk when this returns."""
        with self.locked(), self._words():
            path = self._own / name
            torn = _last_byte(path) not in (b"", b"\n")
            with path.open("ab", buffering=0) as file:
                file.write(("\n" if torn else "").encode() + line.encode() + b"\n")
                os.fsync(file.fileno())

    @contextmanager
    def _words(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(
                f"the store {self._root} cannot be written: {error.strerror}",
                hint="check free space and rights of the folder, then run again",
            ) from error


def read_regular(path: Path, limit: int = MAX_DOCUMENT) -> bytes | None:
    """The content of a small file, None if it is absent. Refuses more than `limit` bytes."""
    try:
        with _open(path) as file:
            content = file.read(limit + 1)
    except FileNotFoundError:
        return None
    if len(content) > limit:
        raise VerificationError(f"{path} is too large: expected at most {limit} bytes")
    return content


def stream_regular(path: Path, start: int = 0) -> Iterator[bytes]:
    """The content of a file in chunks, from a byte on. Raises `NotFound` if it is absent."""
    try:
        file = _open(path)
    except FileNotFoundError as error:
        raise NotFound(f"{path.name} is not in the store {path.parents[2]}") from error
    with file:
        file.seek(start)
        while chunk := file.read(CHUNK):
            yield chunk


def _open(path: Path) -> FileIO:
    # Without O_NONBLOCK a named pipe in the folder would stop its reader for good.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise VerificationError(f"{path} is not a regular file")
    return FileIO(descriptor, "rb")


def _holds_lock(file: FileIO, path: Path) -> bool:
    """Whether the open file is ours alone, and still the one at `path`."""
    try:
        is_ours = take_lock(file, wait=False)
        return is_ours and os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def begin_writeback(descriptor: int, start: int, size: int) -> None:
    """Lets the disk begin with a range of a file, and does not wait for it.

    On Linux that is what this advice does to pages that are not written yet; where there is no such
    advice, the fsync at the end does all the work.
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
