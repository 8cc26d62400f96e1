"""Writes whole files and holds locks, so that a killed process leaves no half-written file."""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from goldenpath.errors import InvalidInput

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors of a disk, a quota or a limit that has no room."""
_BLOCK = 64 * 1024
_ROOM = 16 * 1024
"""Bytes by which the space of a file grows that has to be published always."""


def write_whole(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write under a temporary name, sync, rename, and sync the folder. Raises `OSError`."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _replace(path, content, mode, is_synced=True)
    sync_folder(path.parent)


def publish(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Write under a temporary name and rename, without a sync. Raises `OSError`.

    For a file that describes a moment or can be made again: its readers see the old content or the
    new one, and a power cut may lose it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, content, mode, is_synced=False)


def publish_always(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Publish a JSON text also while the disk is full, if it was published before.

    Blanks at its end reserve space for twice its length. A full disk makes it written into that
    space, and then a reader may meet half of it: it reads again. Raises `OSError`.
    """
    room = -(-2 * len(content) // _ROOM) * _ROOM
    try:
        publish(path, content.ljust(room), mode)
    except OSError as error:
        if error.errno not in NO_SPACE or not path.exists():
            raise
        _overwrite(path, content, error)


def _overwrite(path: Path, content: bytes, fault: OSError) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        room = os.fstat(descriptor).st_size
        if len(content) > room:
            raise fault
        # Shorter first: a text never ends in the rest of a longer one before.
        os.pwrite(descriptor, content.ljust(room), 0)
    finally:
        os.close(descriptor)


def _replace(path: Path, content: bytes, mode: int, *, is_synced: bool) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if is_synced:
                os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def write_new(path: Path, content: bytes, mode: int) -> None:
    """Write and sync a file that must not exist yet. Raises `InvalidInput` if it does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError as error:
        raise InvalidInput(f"{path} exists already", hint="name another file") from error
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def append_lines(path: Path, content: bytes, *, head: bytes = b"", mode: int = 0o600) -> None:
    """Append whole lines under a lock and sync them; a new file begins with `head`.

    A line that a kill or a power cut left unfinished is cut off first. Raises `OSError`.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with opened_for_lines(path, mode) as file:
        end = _end_of_lines(file)
        file.seek(end)
        file.truncate()
        file.write(content if end else head + content)
        file.flush()
        os.fsync(file.fileno())
    if not end:
        sync_folder(path.parent)


@contextmanager
def opened_for_lines(path: Path, mode: int = 0o600) -> Iterator[IO[bytes]]:
    """Yield a file to append to, under a lock; it is made if there is none. Raises `OSError`.

    Whoever replaces such a file holds this lock. So nobody appends to one that was replaced.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    while True:
        with os.fdopen(os.open(path, flags, mode), "r+b") as file:
            take_lock(file)
            try:
                is_current = os.path.samestat(os.fstat(file.fileno()), os.lstat(path))
            except FileNotFoundError:
                is_current = False
            if is_current:
                yield file
                return


def _end_of_lines(file: IO[bytes]) -> int:
    """Return where the last whole line ends, without reading what is before it."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        begin = max(0, end - _BLOCK)
        file.seek(begin)
        found = file.read(end - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


def open_below(root: Path, name: str) -> IO[bytes]:
    """Open a regular file below `root` for reading, without following a link on the way.

    Raises `OSError` if there is a link, and `InvalidInput` if it is no regular file.
    """
    *folders, last = PurePosixPath(name).parts
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    place = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in folders:
            step = os.open(part, flags | os.O_DIRECTORY, dir_fd=place)
            os.close(place)
            place = step
        descriptor = os.open(last, flags, dir_fd=place)
    finally:
        os.close(place)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InvalidInput(f"{root / name} is not a regular file")
    return os.fdopen(descriptor, "rb")


def sync_folder(folder: Path) -> None:
    """Sync a folder, so that new and renamed entries survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def take_lock(file: int | IO[Any], *, wait: bool = True, shared: bool = False) -> bool:
    """Lock an open file until it is closed; return False if another holds it and `wait` is off.

    A lock ends with its process, even if that is killed. Several may hold it if all are `shared`.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(file, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def locked(path: Path, mode: int = 0o600) -> Iterator[None]:
    """Hold an exclusive lock on a file; waits until it is free. It ends with this process."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)
    try:
        take_lock(descriptor)
        yield
    finally:
        os.close(descriptor)
