"""The suite `sandbox`: what the code of a model tries in the sandbox of its server.

The groups of system calls and the limits of the sandbox of a model are values of its request.
Switching a control off leaves one of them out, or sets a larger limit.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from goldenpath.attacks.programs.confined_trial import (
    AttackEffect,
    Needs,
    ProgramAttack,
    ProgramSandbox,
    split,
    trials,
)
from goldenpath.processes.confinement import Sandbox, confine
from goldenpath.processes.sandbox.request import (
    FORKING,
    METADATA,
    NETWORK,
    SCHEDULING,
    SECCOMP,
    SESSIONS,
    SHARING,
    SIGNALS,
    VIEW,
    WATCHING,
)
from goldenpath.release.attacks.suite import AttackSuite
from goldenpath.serve.model.worker import model_sandbox

_MIB: Final = 2**20
_MEMORY = 128
_SMALL = {"RLIMIT_FSIZE": _MIB, "RLIMIT_NOFILE": 64}
"""Limits of the suite, smaller than those of a server, so that an attack costs little."""


def _without_group(name: str) -> Callable[[Sandbox], Sandbox]:
    return lambda sandbox: replace(
        sandbox, refused=tuple(each for each in sandbox.refused if each != name)
    )


def _without_limit(name: str) -> Callable[[Sandbox], Sandbox]:
    return lambda sandbox: replace(
        sandbox,
        limits={known: value for known, value in sandbox.limits.items() if known != name},
    )


CHANGES = {
    "modes, owners, times": _without_group(METADATA),
    "scheduling": _without_group(SCHEDULING),
    "shared memory, sockets": _without_group(SHARING),
    "watching files": _without_group(WATCHING),
    "sessions": _without_group(SESSIONS),
    "signals": _without_group(SIGNALS),
    "size of scratch": lambda sandbox: replace(sandbox, scratch_size=256),
    "largest file": _without_limit("RLIMIT_FSIZE"),
    "open files": _without_limit("RLIMIT_NOFILE"),
    "memory": _without_limit("RLIMIT_DATA"),
}
_CALLS = (frozenset({SECCOMP}),)
_NEEDS: Needs = {
    # Without a view these calls change nothing, and without both there are no sockets anyway.
    "modes, owners, times": (frozenset({SECCOMP, VIEW}),),
    "shared memory, sockets": (frozenset({SECCOMP, NETWORK, VIEW}),),
    "scheduling": _CALLS,
    "watching files": _CALLS,
    "sessions": _CALLS,
    "signals": _CALLS,
    "size of scratch": (frozenset({VIEW}),),
    "largest file": (frozenset(),),
    "open files": (frozenset(),),
    "memory": (frozenset(),),
}


def _stat(name: str, test: Callable[[Path], bool]) -> Callable[[AttackEffect], bool]:
    """Return a test of a file in the scratch folder, as the process sees it."""

    def has_succeeded(effect: AttackEffect) -> bool:
        path = effect.inside(name)
        return path.exists() and test(path)

    return has_succeeded


def _is_open(path: Path) -> bool:
    return path.stat().st_mode & 0o777 == 0o777


def _is_old(path: Path) -> bool:
    return path.stat().st_mtime == 0


def _has_attribute(path: Path) -> bool:
    return "user.note" in os.listxattr(path)


def _field(place: int, value: str) -> Callable[[AttackEffect], bool]:
    return lambda effect: effect.numbers()[place : place + 1] == [value]


def _leads(place: int) -> Callable[[AttackEffect], bool]:
    """Return a test whether a process leads its group (2) or its session (3)."""
    return lambda effect: effect.numbers()[place : place + 1] == [str(effect.process)]


def _scratch(effect: AttackEffect) -> int:
    folder = effect.inside(".")
    if not folder.exists():
        return 0
    return sum(path.stat().st_size for path in folder.iterdir() if path.name.startswith("fill"))


def _maps(kind: str) -> Callable[[AttackEffect], bool]:
    def has_succeeded(effect: AttackEffect) -> bool:
        try:
            return kind in Path(f"/proc/{effect.process}/maps").read_text()
        except OSError:
            return False

    return has_succeeded


def _child_is(state: str) -> Callable[[AttackEffect], bool]:
    def has_succeeded(effect: AttackEffect) -> bool:
        try:
            process = effect.process
            children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
            texts = [Path(f"/proc/{child}/stat").read_text() for child in children]
        except OSError:
            return False
        return any(text.rpartition(")")[2].split()[0] == state for text in texts)

    return has_succeeded


def _open_files(effect: AttackEffect) -> bool:
    folder = Path(f"/proc/{effect.process}/fd")
    return folder.exists() and len(list(folder.iterdir())) > _SMALL["RLIMIT_NOFILE"]


def _data(effect: AttackEffect) -> bool:
    words = effect.status("VmData").split()
    return bool(words) and int(words[0]) * 1024 > 2 * _MEMORY * _MIB


_FORK = "child = os.fork()\nif child == 0:\n    import time\n    time.sleep(60)\n"
_ATTACKS = (
    ("a file becomes open to all", "modes, owners, times",
        "open('mode', 'w').close(); os.chmod('mode', 0o777)", _stat("mode", _is_open)),
    ("an open file becomes open to all", "modes, owners, times",
        "os.fchmod(os.open('mode2', os.O_CREAT | os.O_RDWR, 0o600), 0o777)",
        _stat("mode2", _is_open)),
    ("a file gets an old time", "modes, owners, times",
        "open('times', 'w').close(); os.utime('times', (0, 0))", _stat("times", _is_old)),
    ("an open file gets an old time", "modes, owners, times",
        "os.utime(os.open('times2', os.O_CREAT | os.O_RDWR, 0o600), (0, 0))",
        _stat("times2", _is_old)),
    ("a file gets an attribute", "modes, owners, times",
        "open('note', 'w').close(); os.setxattr('note', 'user.note', b'x')",
        _stat("note", _has_attribute)),
    ("a process lowers its priority", "scheduling",
        "os.setpriority(os.PRIO_PROCESS, 0, 7)", _field(16, "7")),
    ("a process chooses its scheduler", "scheduling",
        "os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))", _field(38, "3")),
    ("a process hides memory in a file without a name", "shared memory, sockets",
        "kept = os.memfd_create('x')", lambda effect: effect.holds("memfd:")),
    ("a process makes shared memory of System V", "shared memory, sockets",
        "native('shmat', native('shmget', 0, 4096, 0o1600), 0, 0)", _maps("/SYSV")),
    ("a process opens an internet socket", "shared memory, sockets",
        "import socket; kept = socket.socket(socket.AF_INET)",
        lambda effect: effect.holds("socket:")),
    ("a process opens a Unix socket", "shared memory, sockets",
        "import socket; kept = socket.socket(socket.AF_UNIX)",
        lambda effect: effect.holds("socket:")),
    ("a process opens a netlink socket", "shared memory, sockets",
        "import socket; kept = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
        lambda effect: effect.holds("socket:")),
    ("a process watches files", "watching files",
        "native('inotify_init1', 0)", lambda effect: effect.holds("inotify")),
    ("a process begins a session", "sessions", "os.setsid()", _leads(3)),
    ("a process begins a group", "sessions", "os.setpgid(0, 0)", _leads(2)),
    ("a process stops another one", "signals",
        f"{_FORK}os.kill(child, 19)", _child_is("T")),
    ("a process kills another one", "signals",
        f"{_FORK}os.kill(child, 9)", _child_is("Z")),
    ("one file fills the disk", "largest file",
        "with open('large', 'wb', buffering=0) as file:\n"
        "    for _ in range(3): file.write(bytes(900_000))",
        _stat("large", lambda path: path.stat().st_size > _MIB)),
    ("a file is made large without content", "largest file",
        "os.ftruncate(os.open('empty', os.O_CREAT | os.O_RDWR), 2**24)",
        _stat("empty", lambda path: path.stat().st_size > _MIB)),
    ("a process opens many files", "open files",
        "kept = [os.open('/dev/null', os.O_RDONLY) for _ in range(200)]", _open_files),
    ("a process opens many pipes", "open files",
        "kept = [os.pipe() for _ in range(100)]", _open_files),
    ("a process takes memory in one piece", "memory",
        f"kept = bytearray({3 * _MEMORY * _MIB})", _data),
    ("a process maps memory", "memory",
        f"import mmap; kept = mmap.mmap(-1, {3 * _MEMORY * _MIB}, mmap.MAP_PRIVATE)", _data),
    # The last one: without room others could not be tried.
    ("many files fill the disk", "size of scratch",
        "for number in range(12):\n"
        "    with open(f'fill{number}', 'wb') as file: file.write(bytes(900_000))",
        lambda effect: _scratch(effect) > 8 * _MIB),
)  # fmt: skip
ATTACKS = tuple(ProgramAttack(*row) for row in _ATTACKS)


def sandbox_suite(lacking: frozenset[str] = frozenset()) -> AttackSuite:
    """Return the suite. Tests name measures that the machine is `lacking`.

    Raises `Unavailable` if no program can be started here.
    """
    confinement = confine(lacking)
    attacks, left_out = split(ATTACKS, confinement.measures, _NEEDS)

    def sandbox(folder: Path) -> Sandbox:
        usual = model_sandbox(confinement, folder, _MEMORY)
        limits = {**usual.limits, **_SMALL}
        # The program of the attacks needs processes, which a model has only in a PID namespace.
        refused = tuple(group for group in usual.refused if group != FORKING)
        return replace(usual, limits=limits, scratch_size=8, changes_user=False, refused=refused)

    kind = ProgramSandbox(confinement, sandbox, {}, CHANGES)
    return AttackSuite(
        "sandbox",
        attacks,
        tuple(name for name in CHANGES if any(each.control == name for each in attacks)),
        lambda without: trials(kind, attacks, without),
        left_out,
    )
