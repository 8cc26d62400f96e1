"""Files that are whole or absent, whoever else writes and whenever somebody is killed."""

import fcntl
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from threading import RLock

from goldenpath.canonical import MAX_DOCUMENT
from goldenpath.errors import NotFound, Unavailable, VerificationError
from goldenpath.oci.store import CHUNK

_OURS = "goldenpath"
_ABANDONED = 60
"""Seconds after which an unfinished file that nobody holds belongs to nobody."""


class Folder:
    """Writes below `root`: temporary name, fsync, rename; one lock for what is edited."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._own = root / _OURS
        self._thread = RLock()
        self._swept = False

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
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
            finally:
                os.close(lock)

    def write(
        self,
        target: Path | Callable[[], Path],
        chunks: Iterable[bytes],
        *,
        name_later: bool = False,
    ) -> None:
        """Writes all chunks to a file that then appears at once.

        A callable target is asked after the last chunk, when the digest is known. If a chunk
        raises, nothing is left. With `name_later` the content is on disk when this returns, the
        name once another file has been written into the same folder.
        """
        partial = self._own / "partial" / secrets.token_hex(16)
        with self._words():
            partial.parent.mkdir(parents=True, exist_ok=True)
            self._sweep()
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                for chunk in chunks:
                    with self._words():
                        _write_all(file.fileno(), chunk)
                with self._words():
                    os.fsync(file.fileno())
            with self._words():
                final = target() if callable(target) else target
                partial.replace(final)
                if not name_later:
                    _sync_folder(final.parent)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise

    def _sweep(self) -> None:
        """Removes, once, what writers left unfinished when they were killed."""
        if self._swept:
            return
        self._swept = True
        for partial in (self._own / "partial").iterdir():
            # A living writer holds a lock on its file; the age covers the moment before it does.
            with suppress(FileNotFoundError, BlockingIOError), partial.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if time.time() - partial.stat().st_mtime > _ABANDONED:
                    partial.unlink()

    def append_line(self, name: str, line: str) -> None:
        """Adds a line to one of our own files, once, on disk when this returns."""
        with self.locked(), self._words():
            path = self._own / name
            if line in self.lines(name):
                return
            torn = _last_byte(path) not in (b"", b"\n")
            with path.open("ab", buffering=0) as file:
                file.write(("\n" if torn else "").encode() + line.encode() + b"\n")
                os.fsync(file.fileno())

    def lines(self, name: str) -> list[str]:
        """The whole lines of one of our own files; what a killed writer left is not one."""
        content = read_regular(self._own / name, limit=1 << 30)
        return [] if content is None else content.decode("ascii", "replace").split("\n")[:-1]

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


def stream_regular(path: Path) -> Iterator[bytes]:
    """The content of a file in chunks. Raises `NotFound` at once if it is absent."""
    try:
        file = _open(path)
    except FileNotFoundError as error:
        raise NotFound(f"{path.name} is not in the store {path.parents[2]}") from error
    with file:
        while chunk := file.read(CHUNK):
            yield chunk


def _open(path: Path) -> FileIO:
    # Without O_NONBLOCK a named pipe in the folder would stop its reader for good.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise VerificationError(f"{path} is not a regular file")
    return FileIO(descriptor, "rb")


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


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
