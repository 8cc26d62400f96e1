"""A file system of our own as the root: the listed files, private devices, and nothing else.

Files keep their paths. What may only be read is mounted read-only, so that not even its mode, owner
or times can be changed. `/proc` shows the processes of the new PID namespace only.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import time

from goldenpath.processes.sandbox import kernel
from goldenpath.processes.sandbox.landlock import DEVICES
from goldenpath.processes.sandbox.request import PROCESSES, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_BASE = "/tmp"  # noqa: S108 - a folder that every machine has; only our namespace sees the mount
_OLD = "/.old"
_RECURSIVE = 0x8000
_READ_ONLY, _NO_SETUID, _NO_DEVICES = 1, 2, 4
_MAX_LINKS = 40
_AT_WORKING_FOLDER = -100
_OWN_NUMBERS = (6, 14)
"""Since this kernel each PID namespace has its own limit."""
_RESERVED = 308
"""Numbers that the kernel does not give again, and those of our own processes."""
_ATTEMPTS, _PAUSE = 50, 0.002
_PLAIN = kernel.MS_NOSUID | kernel.MS_NODEV


def enter(request: Request) -> None:
    """Make the files of the request the root of this process's new mount namespace.

    Raises `OSError` if the kernel refuses a step; the process is then of no use.
    """
    places, links = _planned(request)
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", _BASE, "tmpfs", _PLAIN, options="mode=755,size=1m,nr_inodes=20k")
    os.mkdir(_BASE + _OLD, 0o700)
    kernel.system_call("pivot_root", _BASE.encode(), (_BASE + _OLD).encode())
    os.chdir("/")
    _make_devices()
    if request.temporary:
        # Before the files are bound, because some of them may lie below.
        _make_private("/tmp", request.temporary)  # noqa: S108
        _make_private("/dev/shm", request.temporary)  # noqa: S108
    for path, is_writable in sorted(places.items()):
        _bind(path, is_writable=is_writable)
    if PROCESSES in request.measures:
        _make_processes(request.most_tasks)
    if request.scratch:
        _make_private(request.scratch, request.scratch_size)
    for link, target in links.items():
        _link(link, target)
    kernel.call("umount2", _OLD.encode(), kernel.MNT_DETACH)
    os.rmdir(_OLD)
    _set_attributes("/", _READ_ONLY | _NO_SETUID, recursive=False)


def _planned(request: Request) -> tuple[dict[str, bool], dict[str, str]]:
    """Return real paths, whether each is writable, and the links that lead to them."""
    places: dict[str, bool] = {}
    links: dict[str, str] = {}
    for paths, is_writable in ((request.readable, False), (request.writable, True)):
        for path in paths:
            if not os.path.exists(path):
                continue
            links.update(_links(path))
            real = os.path.realpath(path)
            places[real] = places.get(real, False) or is_writable
    return _without_covered(places), links


def _without_covered(places: dict[str, bool]) -> dict[str, bool]:
    """Leave out what a folder around it gives already."""
    kept: dict[str, bool] = {}
    for path, is_writable in sorted(places.items()):
        around = [each for each in kept if path.startswith(each.rstrip("/") + "/")]
        if not around or kept[max(around, key=len)] != is_writable:
            kept[path] = is_writable
    return kept


def _links(path: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield each link on the way to a file, with its target."""
    if depth > _MAX_LINKS:
        raise OSError(40, f"{path} has too many links")
    current = "/"
    for part in path.split("/"):
        if not part:
            continue
        step = os.path.join(current, part)
        if os.path.islink(step):
            target = os.readlink(step)
            yield step, target
            yield from _links(os.path.normpath(os.path.join(current, target)), depth + 1)
            current = os.path.realpath(step)
        else:
            current = step


def _bind(path: str, *, is_writable: bool) -> None:
    source = _OLD + path
    try:
        mode = os.lstat(source).st_mode
    except FileNotFoundError:
        return  # gone since it was listed
    if stat.S_ISDIR(mode):
        os.makedirs(path, exist_ok=True)
    elif not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    kernel.mount(source, path, None, kernel.MS_BIND | kernel.MS_REC)
    attributes = _NO_SETUID | _NO_DEVICES | (0 if is_writable else _READ_ONLY)
    _set_attributes(path, attributes, recursive=True)


def _make_devices() -> None:
    os.makedirs("/dev", exist_ok=True)
    for path in DEVICES:
        if os.path.exists(_OLD + path):
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
            kernel.mount(_OLD + path, path, None, kernel.MS_BIND)
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        _link(f"/dev/{name}", f"/proc/self/fd{target}")


def _make_processes(most: int) -> None:
    os.makedirs("/proc", exist_ok=True)
    kernel.mount("proc", "/proc", "proc", _PLAIN | kernel.MS_NOEXEC)
    if most:
        _limit_numbers(most)
    # Root could write settings of the whole machine below /proc/sys, by owning the files.
    _set_attributes("/proc", _READ_ONLY, recursive=True)


def _limit_numbers(most: int) -> None:
    """Let the kernel give the namespace no more numbers of processes (Linux 6.14).

    On an older kernel this is a setting of the whole machine, which root would change here.
    """
    if _version(os.uname().release) < _OWN_NUMBERS:
        return
    try:
        with open("/proc/sys/kernel/pid_max", "w", encoding="ascii") as file:
            file.write(str(_RESERVED + most))
    except OSError:
        pass


def _version(release: str) -> tuple[int, int]:
    """Return the first two numbers of a kernel release such as `6.14.0-rc1`; zeros if unclear."""
    major, _, rest = release.partition(".")
    minor = rest.replace("-", ".").partition(".")[0]
    return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else (0, 0)


def _make_private(path: str, size: int) -> None:
    os.makedirs(path, exist_ok=True)
    options = f"mode=1777,size={size}m,nr_inodes=100k"
    kernel.mount("tmpfs", path, "tmpfs", _PLAIN, options=options)


def _link(link: str, target: str) -> None:
    if not os.path.lexists(link):
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink(target, link)


def _set_attributes(path: str, attributes: int, *, recursive: bool) -> None:
    """Set attributes of mounts. Those that the machine has set stay (mount_setattr).

    The kernel does not make a mount read-only in the very moment in which it writes there, such as
    the time of an access.
    """
    value = struct.pack("<QQQQ", attributes, 0, 0, 0)
    flags = _RECURSIVE if recursive else 0
    arguments = (_AT_WORKING_FOLDER, path.encode(), flags, value, len(value))
    for _ in range(_ATTEMPTS):
        try:
            kernel.system_call("mount_setattr", *arguments)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            time.sleep(_PAUSE)
        else:
            return
    kernel.system_call("mount_setattr", *arguments)
