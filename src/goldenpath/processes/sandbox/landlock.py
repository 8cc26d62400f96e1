"""Landlock: the allow list of files that the kernel enforces (kernel documentation, Landlock).

Everything that is not listed is refused. Older kernels know fewer rights: what a version does not
know, it does not refuse.
"""

import os
import struct

from goldenpath.processes.sandbox import kernel
from goldenpath.processes.sandbox.request import NETWORK, VIEW, Request

_VERSION_FLAG = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1, 2, 4, 8
_MAKE_DEVICES = 1 << 6 | 1 << 11
_TRUNCATE, _IOCTL = 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL
_READ = _EXECUTE | _READ_FILE | _READ_FOLDER
_TCP, _SCOPES = 0b11, 0b11
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_OWN_PROCESS = (
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/version",
    "/proc/filesystems",
    "/proc/sys/vm",
    "/proc/sys/kernel/random",
)
"""With the processes of the machine in `/proc`, only these may be read there."""


def version() -> int:
    """Return the version of Landlock; 0 if the kernel has none."""
    try:
        return kernel.system_call("landlock_create_ruleset", None, 0, _VERSION_FLAG)
    except OSError:
        return 0


def restrict(request: Request) -> None:
    """Allow this process and its children the files of the request, and no others, for ever.

    Raises `OSError` if the kernel has no Landlock or refuses a rule.
    """
    abi = version()
    rights = (1 << (13 if abi < 2 else 14 if abi < 3 else 15 if abi < 5 else 16)) - 1
    has_own_network = request.network or NETWORK in request.measures
    ports = _TCP if abi >= 4 and not has_own_network else 0
    handled = struct.pack("<QQQ", rights, ports, _SCOPES if abi >= 6 else 0)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    rules = kernel.system_call("landlock_create_ruleset", handled, size, 0)
    for path, allowed in _allowed(request, rights & ~_MAKE_DEVICES).items():
        _add(rules, path, allowed & rights)
    kernel.system_call("landlock_restrict_self", rules, 0)
    os.close(rules)


def _allowed(request: Request, everything: int) -> dict[str, int]:
    allowed = dict.fromkeys(request.readable, _READ)
    if VIEW in request.measures:
        # The root is a new file system with nothing but these files and our own processes.
        allowed |= {"/proc": _READ, "/dev": _READ}
        if request.temporary:
            allowed |= {"/tmp": everything, "/dev/shm": everything}  # noqa: S108
    else:
        allowed |= dict.fromkeys(_OWN_PROCESS, _READ)
    allowed |= dict.fromkeys(request.writable, everything)
    if request.scratch:
        allowed[request.scratch] = everything & ~_EXECUTE
    return allowed | dict.fromkeys(DEVICES, _READ_FILE | _WRITE_FILE | _IOCTL)


def _add(rules: int, path: str, allowed: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        rights = allowed if os.path.isdir(path) else allowed & _OF_FILES
        kernel.system_call("landlock_add_rule", rules, 1, struct.pack("<Qi", rights, place), 0)
    finally:
        os.close(place)
