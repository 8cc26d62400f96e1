"""seccomp: system calls that no training and no model needs fail with EPERM.

The filter is a program of classic BPF over the number and the arguments of a call. It looks at
numbers and plain arguments only: what stands in memory could change after the look.
"""

from __future__ import annotations

import os
import struct

from goldenpath.processes.sandbox import kernel
from goldenpath.processes.sandbox.request import (
    FORKING,
    METADATA,
    NETWORK,
    PROCESSES,
    SCHEDULING,
    SESSIONS,
    SHARING,
    SIGNALS,
    UNCHANGED_METADATA,
    VIEW,
    WATCHING,
    Request,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Step = tuple[int, int, int, int]
"""Code, jump if true, jump if false, value."""

_LOAD, _EQUAL, _AT_LEAST, _HAS_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _EPERM, _ENOSYS, _DONE = 0x7FFF0000, 0x00050001, 0x00050026, 0x00050000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_MACHINE = os.uname().machine
_OTHER_CONVENTION = 0x40000000
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_NEW_NAMESPACES, _THREAD = 0x7E020000, 0x00010000
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16

# Name of the call, its number on x86-64 and on arm64; 0 where it does not exist.
_ALWAYS = """
ptrace 101 117, process_vm_readv 310 270, process_vm_writev 311 271, process_madvise 440 440,
process_mrelease 448 448, kcmp 312 272, pidfd_open 434 434, pidfd_getfd 438 438, unshare 272 97,
setns 308 268, mount 165 40, umount2 166 39, pivot_root 155 41, chroot 161 51, move_mount 429 429,
open_tree 428 428, fsopen 430 430, fsconfig 431 431, fsmount 432 432, fspick 433 433,
mount_setattr 442 442, add_key 248 217, request_key 249 218, keyctl 250 219, bpf 321 280,
perf_event_open 298 241, userfaultfd 323 282, io_uring_setup 425 425, io_uring_enter 426 426,
io_uring_register 427 427, kexec_load 246 104, kexec_file_load 320 294, init_module 175 105,
finit_module 313 273, delete_module 176 106, swapon 167 224, swapoff 168 225, reboot 169 142,
acct 163 89, quotactl 179 60, name_to_handle_at 303 264, open_by_handle_at 304 265,
fanotify_init 300 262, clock_settime 227 112, settimeofday 164 170, adjtimex 159 171,
clock_adjtime 305 266, sethostname 170 161, setdomainname 171 162, syslog 103 116, iopl 172 0,
ioperm 173 0, lookup_dcookie 212 18, memfd_secret 447 447
"""
_MODES_AND_TIMES = """
chmod 90 0, fchmod 91 52, fchmodat 268 53, fchmodat2 452 452, utime 132 0, utimes 235 0,
futimesat 261 0, utimensat 280 88
"""
_OWNERS = """
chown 92 0, fchown 93 55, lchown 94 0, fchownat 260 54, setxattr 188 5, lsetxattr 189 6,
fsetxattr 190 7, removexattr 197 14, lremovexattr 198 15, fremovexattr 199 16, setxattrat 463 463,
removexattrat 466 466, file_setattr 469 469
"""
_GROUPS = {
    METADATA: f"{_MODES_AND_TIMES},{_OWNERS}",
    UNCHANGED_METADATA: _OWNERS,
    SCHEDULING: """
sched_setparam 142 118, sched_setscheduler 144 119, sched_setaffinity 203 122,
sched_setattr 314 274, setpriority 141 140, ioprio_set 251 30, migrate_pages 256 238,
move_pages 279 239
""",
    SHARING: """
shmget 29 194, shmat 30 196, shmctl 31 195, shmdt 67 197, semget 64 190, semop 65 193,
semctl 66 191, semtimedop 220 192, msgget 68 186, msgsnd 69 189, msgrcv 70 188, msgctl 71 187,
mq_open 240 180, mq_unlink 241 181, memfd_create 319 279
""",
    WATCHING: """
inotify_init 253 0, inotify_init1 294 26, inotify_add_watch 254 27, fanotify_mark 301 263
""",
    SESSIONS: "setsid 112 157, setpgid 109 154",
    FORKING: "fork 57 0, vfork 58 0",
}
_INSPECTED = """
clone 56 220, clone3 435 435, prctl 157 167, ioctl 16 29, socket 41 198, kill 62 129,
tkill 200 130, tgkill 234 131, rt_sigqueueinfo 129 138, rt_tgsigqueueinfo 297 240,
pidfd_send_signal 424 424, prlimit64 302 261
"""


def is_known() -> bool:
    """Return whether the numbers of system calls on this machine are listed here."""
    return _MACHINE in _ARCHITECTURES


def restrict(request: Request) -> None:
    """Filter the system calls of this process and its children, for ever.

    Raises `OSError` if the kernel refuses, or if the machine's numbers are not known.
    """
    if not is_known():
        raise OSError(38, f"seccomp: the system calls of {_MACHINE} are not listed")
    steps = tuple(_filter(request, os.getpid()))
    instructions = b"".join(struct.pack("<HBBI", *step) for step in steps)
    kernel.set_filter(instructions, len(steps))


def _filter(request: Request, process: int) -> Iterator[Step]:
    yield from (
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _ARCHITECTURES[_MACHINE]),
        (_RETURN, 0, 0, _EPERM),
        (_LOAD, 0, 0, _NUMBER),
        # Numbers of another calling convention would get round the list.
        (_AT_LEAST, 0, 1, _OTHER_CONVENTION),
        (_RETURN, 0, 0, _EPERM),
    )
    groups = (_GROUPS[group] for group in request.refused if group in _GROUPS)
    for number in _numbers(_ALWAYS, *groups).values():
        yield from ((_EQUAL, 0, 1, number), (_RETURN, 0, 0, _EPERM))
    if UNCHANGED_METADATA in request.refused:
        for number in _numbers(_MODES_AND_TIMES).values():
            yield from ((_EQUAL, 0, 1, number), (_RETURN, 0, 0, _DONE))
    calls = _numbers(_INSPECTED)
    # The flags of clone3 stand in memory; the C library falls back on clone.
    yield from ((_EQUAL, 0, 1, calls["clone3"]), (_RETURN, 0, 0, _ENOSYS))
    yield from _refuse_bits(calls["clone"], 0, _NEW_NAMESPACES)
    if FORKING in request.refused:
        yield from _require_bits(calls["clone"], 0, _THREAD)
    # A program could otherwise take back that it dies with its launcher.
    yield from _refuse_value(calls["prctl"], 0, kernel.PR_SET_PDEATHSIG)
    # These type into the terminal of whoever started the build.
    for command in (_TIOCSTI, _TIOCLINUX):
        yield from _refuse_value(calls["ioctl"], 1, command)
    yield from _allow_values(calls["socket"], 0, _families(request))
    yield from _allow_values(calls["prlimit64"], 0, (0, process))
    if SIGNALS in request.refused:
        for name in ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"):
            yield from _allow_values(calls[name], 0, (process,))
        for name in ("tkill", "pidfd_send_signal"):
            yield from ((_EQUAL, 0, 1, calls[name]), (_RETURN, 0, 0, _EPERM))
    yield (_RETURN, 0, 0, _ALLOW)


def _families(request: Request) -> tuple[int, ...]:
    """Return the kinds of sockets that reach nothing but what the request allows."""
    has_network = request.network or {NETWORK, PROCESSES} <= set(request.measures)
    internet = (_INET, _INET6, _NETLINK) if has_network else ()
    # A Unix socket with a path is a file: it must not be visible.
    local = (_UNIX,) if has_network and VIEW in request.measures else ()
    return () if SHARING in request.refused else (*internet, *local)


def _refuse_bits(number: int, argument: int, bits: int) -> Iterator[Step]:
    yield from _inspect(number, argument, ((_HAS_BITS, 0, 1, bits), (_RETURN, 0, 0, _EPERM)))


def _require_bits(number: int, argument: int, bits: int) -> Iterator[Step]:
    yield from _inspect(number, argument, ((_HAS_BITS, 1, 0, bits), (_RETURN, 0, 0, _EPERM)))


def _refuse_value(number: int, argument: int, value: int) -> Iterator[Step]:
    yield from _inspect(number, argument, ((_EQUAL, 0, 1, value), (_RETURN, 0, 0, _EPERM)))


def _allow_values(number: int, argument: int, values: Iterable[int]) -> Iterator[Step]:
    listed = tuple(values)
    tests = tuple((_EQUAL, len(listed) - place, 0, value) for place, value in enumerate(listed))
    yield from _inspect(number, argument, (*tests, (_RETURN, 0, 0, _EPERM)))


def _inspect(number: int, argument: int, tests: tuple[Step, ...]) -> Iterator[Step]:
    """Apply tests to one argument of one call; every other call goes on behind them."""
    yield (_EQUAL, 0, len(tests) + 2, number)
    yield (_LOAD, 0, 0, _ARGUMENTS + 8 * argument)
    yield from tests
    yield (_LOAD, 0, 0, _NUMBER)


def _numbers(*tables: str) -> dict[str, int]:
    column = 1 if _MACHINE == "x86_64" else 2
    rows = [entry.split() for table in tables for entry in table.split(",") if entry.strip()]
    return {row[0]: int(row[column]) for row in rows if int(row[column])}
