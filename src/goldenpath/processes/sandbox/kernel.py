"""System calls that Python has no function for. A call that fails raises `OSError`."""

import ctypes
import os
import struct

_LIBRARY = ctypes.CDLL(None, use_errno=True)
_NUMBERS = {
    "x86_64": {"pivot_root": 155, "capset": 126},
    "aarch64": {"pivot_root": 41, "capset": 91},
}
_SHARED_NUMBERS = {
    "mount_setattr": 442,
    "landlock_create_ruleset": 444,
    "landlock_add_rule": 445,
    "landlock_restrict_self": 446,
}
"""Newer calls have one number on all architectures."""

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 4, 22, 24
PR_SET_SECUREBITS, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 28, 36, 38
_NO_ROOT_LOCKED = 0x3
_MAX_CAPABILITY = 63


def call(name: str, *arguments: "int | bytes | None") -> int:
    """Call a function of the C library. Integers are passed as `long`."""
    return _checked(name, getattr(_LIBRARY, name)(*map(_converted, arguments)))


def system_call(name: str, *arguments: "int | bytes | None") -> int:
    """Call the kernel by number. Raises `OSError` where the number is not known."""
    number = _SHARED_NUMBERS.get(name) or _NUMBERS.get(os.uname().machine, {}).get(name)
    if number is None:
        raise OSError(38, f"{name} is not known on {os.uname().machine}")
    return _checked(name, _LIBRARY.syscall(ctypes.c_long(number), *map(_converted, arguments)))


def mount(source: str, target: str, kind: "str | None", flags: int, *, options: str = "") -> None:
    """Mount `source` on `target`."""
    filesystem = None if kind is None else kind.encode()
    call("mount", source.encode(), target.encode(), filesystem, flags, options.encode() or None)


def drop_capabilities() -> None:
    """Give up every capability of this process, and the right to gain one by `execve`."""
    for capability in range(_MAX_CAPABILITY + 1):
        try:
            call("prctl", PR_CAPBSET_DROP, capability, 0, 0, 0)
        except OSError:
            break  # beyond the last capability, or without the right to drop: none to gain either
    try:
        call("prctl", PR_SET_SECUREBITS, _NO_ROOT_LOCKED, 0, 0, 0)
    except OSError:
        pass  # PR_SET_NO_NEW_PRIVS does the same
    header = (0x20080522).to_bytes(4, "little") + (0).to_bytes(4, "little")
    system_call("capset", header, bytes(24))


def _converted(argument: "int | bytes | None") -> object:
    return ctypes.c_long(argument) if isinstance(argument, int) else argument


def _checked(name: str, result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def poll(descriptor: int) -> int:
    """Return the events of a descriptor now, of those that are always reported."""
    entry = ctypes.create_string_buffer(struct.pack("@ihh", descriptor, 0, 0), 8)
    _checked("poll", _LIBRARY.poll(entry, ctypes.c_long(1), 0))
    return int(struct.unpack("@ihh", entry.raw)[2])


def set_filter(instructions: bytes, number: int) -> None:
    """Install a seccomp filter of so many instructions."""
    content = ctypes.create_string_buffer(instructions)
    program = struct.pack("@HP", number, ctypes.addressof(content))
    call("prctl", PR_SET_SECCOMP, 2, program, 0, 0)
