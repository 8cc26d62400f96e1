"""The memory that a worker holds, counted so that nothing can be hidden from the count.

The kernel counts a page of shared memory only while a process maps it and has touched it. A process
can let go of such a page and keep its content. So the whole size of shared memory is counted, as
the map of each process names it.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

_SHARED = ("/dev/zero", "/memfd:", "/SYSV", "/dev/shm/")  # noqa: S108 - names that the kernel gives
_MAX_PROCESSES = 1000
_MAX_FILES, _TOO_MANY = 10_000, 1 << 40
"""Above so many files in a folder on a disk, more than any limit is reported."""


def held_memory(process: int, scratch: Path) -> int:
    """Return the bytes that a process and its descendants hold; 0 after their end.

    Files at `scratch` count as well, in a private file system or on a disk.
    """
    private, shared, files = 0, dict[str, int](), 0
    for member in _family(process):
        status = _read(Path(f"/proc/{member}/status"))
        if member == process or _is_first_of_namespace(status):
            continue  # the launcher is not the model
        private += _private(status)
        shared |= _shared(member)
        files = max(files, _written(member, scratch))
    return private + sum(shared.values()) + files


def _family(process: int) -> Iterator[int]:
    waiting, number = [process], 0
    while waiting and number < _MAX_PROCESSES:
        current, number = waiting.pop(), number + 1
        yield current
        for task in _entries(Path(f"/proc/{current}/task")):
            waiting += map(int, _read(task / "children").split())


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []  # it has ended meanwhile


def _is_first_of_namespace(status: str) -> bool:
    identities = _field(status, "NSpid").split()
    return len(identities) > 1 and identities[-1] == "1"


def _private(status: str) -> int:
    """Return the bytes that are not shared memory: private pages, and pages of mapped files."""
    sizes = (_field(status, name).split() for name in ("RssAnon", "RssFile", "VmSwap"))
    return sum(int(size[0]) * 1024 for size in sizes if size)


def _field(status: str, name: str) -> str:
    _, _, rest = status.partition(f"\n{name}:")
    return rest.partition("\n")[0]


def _shared(process: int) -> dict[str, int]:
    """Return the size of each piece of shared memory, by its device and inode."""
    sizes: dict[str, int] = {}
    text = _read(Path(f"/proc/{process}/maps"))
    if not any(name in text for name in _SHARED):
        return sizes
    for line in text.splitlines():
        addresses, rights, _, device, inode, *name = line.split(maxsplit=5)
        if "s" in rights and name and name[0].startswith(_SHARED):
            start, end = (int(limit, 16) for limit in addresses.split("-"))
            key = f"{device} {inode}"
            sizes[key] = sizes.get(key, 0) + end - start
    return sizes


def _written(process: int, scratch: Path) -> int:
    try:
        status = os.statvfs(f"/proc/{process}/root{scratch}")
        outside = os.statvfs(scratch)
    except OSError:
        return 0  # it has ended, or this user may not look: the size is limited all the same
    if status.f_blocks == outside.f_blocks:
        return _size_on_disk(scratch)  # an ordinary folder, which nothing but this count limits
    return (status.f_blocks - status.f_bfree) * status.f_frsize


def _size_on_disk(folder: Path) -> int:
    waiting, number, total = [folder], 0, 0
    while waiting and number < _MAX_FILES:
        for path in _entries(waiting.pop()):
            number += 1
            try:
                status = path.lstat()
            except OSError:
                continue  # deleted meanwhile
            total += status.st_blocks * 512
            if stat.S_ISDIR(status.st_mode):
                waiting.append(path)
    return total if number < _MAX_FILES else total + _TOO_MANY


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
