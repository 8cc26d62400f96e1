"""The suite `build`: what the programs of a project try while it is built.

The launcher has two layers for most things, so an attack can be refused twice. Therefore the suite
also runs on two machines that have less: one without Landlock and one without namespaces. There the
other layer alone refuses the attack, and switching it off shows that. If this machine itself has
less, the attacks that it cannot show are left out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

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
    LANDLOCK,
    NAMESPACES,
    NETWORK,
    PROCESSES,
    SECCOMP,
    VIEW,
)
from goldenpath.release.attacks.suite import AttackSuite, AttackTrial, LeftOut

_TEMPORARY = 16


def _secret(effect: AttackEffect) -> bool:
    return effect.has_secret


def _outlives(effect: AttackEffect) -> bool:
    return effect.outlived


def _changes(path: str) -> Callable[[AttackEffect], bool]:
    return lambda effect: effect.machine.is_changed(path)


def _reaches(server: str, mark: str) -> Callable[[AttackEffect], bool]:
    return lambda effect: effect.machine.received(server, mark.encode())


def _enters(kind: str) -> Callable[[AttackEffect], bool]:
    """Return a test whether a process has a namespace that its parent has not."""

    def has_succeeded(effect: AttackEffect) -> bool:
        parent = (effect.numbers() or ["", "0"])[1]
        own, usual = effect.link(f"ns/{kind}"), effect.link(f"../{parent}/ns/{kind}")
        return "" not in (own, usual) and own != usual

    return has_succeeded


def _is_traced(effect: AttackEffect) -> bool:
    process = effect.process
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        texts = [Path(f"/proc/{child}/status").read_text() for child in children]
    except OSError:
        return False
    return any(f"TracerPid:\t{process}\n" in text for text in texts)


def _is_in_keyring(effect: AttackEffect) -> bool:
    return f"goldenpath-{effect.machine.names['mark']}" in Path("/proc/keys").read_text()


def _traces_victim(effect: AttackEffect) -> bool:
    text = Path(f"/proc/{effect.machine.victim.pid}/status").read_text()
    return bool(effect.process) and f"TracerPid:\t{effect.process}\n" in text


def _kills(effect: AttackEffect) -> bool:
    return effect.machine.victim.poll() is not None


def _sends(kind: str, address: str, mark: str) -> str:
    return (
        f"import socket\nkept = socket.socket({kind})\nkept.settimeout(2)\n"
        f"kept.connect({address})\nkept.send(b{mark!r})"
    )


_TCP, _UDP = "socket.AF_INET, socket.SOCK_STREAM", "socket.AF_INET, socket.SOCK_DGRAM"
_LOCAL = "socket.AF_UNIX, socket.SOCK_STREAM"
_CHILD = "child = os.fork()\nif child == 0:\n    import time\n    time.sleep(60)\n"
_READ = "gained.append(open({}).read())"
_FILES = "list of files"
_NETWORK = "own network"
_PROCESSES = "own processes"
_CALLS, _CALLS_ONLY = "system calls", "system calls without other measures"
_TRACING = ("kernel/yama/ptrace_scope", 0)
_WHOLE = (
    ("a training reads a key", _FILES, _READ.format("key"), _secret),
    ("a training reads a key through a link", _FILES,
        "os.symlink(key, 'link')\n" + _READ.format("'link'"), _secret),
    ("a training reads a key by a way round", _FILES,
        _READ.format("mine + '/../keys/release.pem'"), _secret),
    ("a training reads a key through its own process", _FILES,
        _READ.format("'/proc/self/root' + key"), _secret),
    ("a training links a key into its folder", _FILES,
        "os.link(key, 'linked')\n" + _READ.format("'linked'"), _secret),
    ("a training writes the configuration of git", _FILES,
        "open(project + '/.git/config', 'a').write('[core] fsmonitor = x')",
        _changes("project/.git/config")),
    ("a training adds a hook of git", _FILES,
        "open(project + '/.git/hook', 'w').write('x')", _changes("project/.git/hook")),
    ("a training changes the project", _FILES,
        "open(project + '/model.py', 'a').write('weights = 2')", _changes("project/model.py")),
    ("a training adds a file that starts with Python", _FILES,
        "open(project + '/evil.pth', 'w').write('import os')", _changes("project/evil.pth")),
    ("a training changes the data of others", _FILES,
        "open(shared + '/data.csv', 'a').write('1,2')", _changes("shared/data.csv")),
    ("a training adds to the data of others", _FILES,
        "open(shared + '/more.csv', 'w').write('1,2')", _changes("shared/more.csv")),
    ("a training connects to a server", _NETWORK,
        _sends(_TCP, "('127.0.0.1', tcp)", "tcp-1"), _reaches("tcp", "tcp-1")),
    ("a training connects to a server by its name", _NETWORK,
        _sends(_TCP, "('localhost', tcp)", "tcp-2"), _reaches("tcp", "tcp-2")),
    ("a training sends a datagram", _NETWORK,
        _sends(_UDP, "('127.0.0.1', udp)", "udp-1"), _reaches("udp", "udp-1")),
    ("a process of a training stays", _PROCESSES, "pass", _outlives),
    ("a process of a training stays in its own session", _PROCESSES, "os.setsid()", _outlives),
    ("a process of a training stays after two forks", _PROCESSES,
        "os.setsid()\nif os.fork(): os._exit(0)", _outlives),
    ("a process of a training ignores every signal", _PROCESSES,
        "import signal\nos.setsid()\n"
        "for number in (1, 2, 13, 15): signal.signal(number, signal.SIG_IGN)", _outlives),
    ("a training opens a ring of system calls", _CALLS,
        "native('syscall', 425, 8, ctypes.create_string_buffer(120))",
        lambda effect: effect.holds("io_uring")),
    ("a training handles its own page faults", _CALLS,
        "native('syscall', 323, 1)", lambda effect: effect.holds("userfaultfd")),
    ("a training holds on to a process", _CALLS,
        "native('syscall', 434, os.getpid(), 0)", lambda effect: effect.holds("pidfd")),
    ("a training becomes root of users of its own", _CALLS,
        "native('unshare', 0x10000000)", _enters("user")),
    ("a training mounts in a space of its own", _CALLS,
        "native('unshare', 0x10020000)", _enters("mnt")),
    ("a training makes a network of its own", _CALLS,
        "native('unshare', 0x50000000)", _enters("net")),
    ("a training traces another process", _CALLS,
        f"{_CHILD}native('ptrace', 16, child, None, None)", _is_traced),
    ("a training keeps something in a keyring of the user", _CALLS,
        "native('syscall', 248, b'user', ('goldenpath-' + mark).encode(), b'x', 1, -4)",
        _is_in_keyring),
    ("a training measures through the kernel", _CALLS,
        "request = struct.pack('<2I5Q', 1, 112, 0, 0, 0, 0, 0x60)\n"
        "content = ctypes.create_string_buffer(request, 112)\n"
        "native('syscall', 298, content, 0, -1, -1, 0)",
        lambda effect: effect.holds("perf_event")),
    ("a training gives the kernel a map of its own", _CALLS,
        "content = ctypes.create_string_buffer(struct.pack('<5I', 2, 4, 4, 1, 0), 72)\n"
        "native('syscall', 321, 0, content, 72)",
        lambda effect: effect.holds("bpf-map")),
)  # fmt: skip
_NO_LANDLOCK = (
    ("a training connects to an abstract socket", "own network without Landlock",
        _sends(_LOCAL, r"'\0' + abstract", "abstract-1"), _reaches("abstract", "abstract-1")),
    ("a training kills another process", "own processes without Landlock",
        "os.kill(victim, 9)", _kills),
)  # fmt: skip
_NO_NAMESPACES = (
    ("a program without a view reads a key", "Landlock alone", _READ.format("key"), _secret),
    ("a program without a view changes the project", "Landlock alone",
        "open(project + '/model.py', 'a').write('weights = 2')", _changes("project/model.py")),
    ("a program without a view reads another environment", "Landlock alone",
        _READ.format("f'/proc/{victim}/environ'"), _secret),
    ("a program without a view kills another process", "Landlock alone",
        "os.kill(victim, 9)", _kills),
    ("a program without a network of its own sends a datagram", "system calls alone",
        _sends(_UDP, "('127.0.0.1', udp)", "udp-3"), _reaches("udp", "udp-3")),
    ("a program without a network of its own finds a Unix socket", "system calls alone",
        _sends(_LOCAL, "unix", "unix-3"), _reaches("unix", "unix-3")),
)  # fmt: skip


_SECCOMP_ALONE = (
    ("a program without other measures reads the memory of another process", _CALLS_ONLY,
        "content = ctypes.create_string_buffer(length)\n"
        "here = struct.pack('PN', ctypes.addressof(content), length)\n"
        "there = struct.pack('PN', address, length)\n"
        "one, none = ctypes.c_ulong(1), ctypes.c_ulong(0)\n"
        "native('process_vm_readv', victim, here, one, there, one, none)\n"
        "gained.append(content.raw.decode())", _secret),
    ("a program without other measures traces another process", _CALLS_ONLY,
        "native('ptrace', 16, victim, None, None)", _traces_victim),
)  # fmt: skip
_NEEDS: Needs = {
    _CALLS_ONLY: (frozenset({SECCOMP}),),
    _FILES: (frozenset({VIEW}), frozenset({LANDLOCK})),
    _NETWORK: (frozenset({NETWORK}),),
    # Without the namespace of processes there is no view either. Landlock then keeps the files.
    _PROCESSES: (frozenset({PROCESSES, LANDLOCK}),),
    _CALLS: (frozenset({SECCOMP}),),
    # Without a view there are no Unix sockets anyway.
    "own network without Landlock": (frozenset({NETWORK, VIEW}),),
    "own processes without Landlock": (frozenset({PROCESSES}),),
    "Landlock alone": (frozenset({LANDLOCK}),),
    "system calls alone": (frozenset({SECCOMP}),),
}
_SETTINGS = {
    "a training gives the kernel a map of its own": ("kernel/unprivileged_bpf_disabled", 0),
    "a training measures through the kernel": ("kernel/perf_event_paranoid", 2),
    "a training opens a ring of system calls": ("kernel/io_uring_disabled", 0),
    "a program without other measures reads the memory of another process": _TRACING,
    "a program without other measures traces another process": _TRACING,
}
"""The kernel refuses these attacks itself if a setting is higher."""


@dataclass(frozen=True, slots=True)
class BuildMachine:
    """One kind of machine, with the attacks that are made on it."""

    kind: ProgramSandbox
    attacks: tuple[ProgramAttack, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def controls(self) -> tuple[str, ...]:
        """Return the controls that can be switched off here."""
        return (*self.kind.measures, *self.kind.changes)

    def trials(self, without: frozenset[str]) -> Sequence[AttackTrial]:
        """Make every attack without some controls."""
        return trials(self.kind, self.attacks, without) if self.attacks else ()


def build_suite(lacking: frozenset[str] = frozenset()) -> AttackSuite:
    """Return the suite. Tests name measures that the machine is `lacking`.

    Raises `Unavailable` if no program can be started here.
    """
    machines = build_machines(lacking)
    attacks = tuple(attack for machine in machines for attack in machine.attacks)
    controls = tuple(dict.fromkeys(attack.control for attack in attacks))

    @cache
    def usual(number: int) -> Sequence[AttackTrial]:
        return machines[number].trials(frozenset())

    def every(without: frozenset[str]) -> list[AttackTrial]:
        return [
            trial
            for number, machine in enumerate(machines)
            for trial in (
                machine.trials(without & {*machine.controls})
                if without & {*machine.controls}
                else usual(number)
            )
        ]

    left_out = tuple(each for machine in machines for each in machine.left_out)
    return AttackSuite("build", attacks, controls, every, left_out)


def build_machines(lacking: frozenset[str] = frozenset()) -> tuple[BuildMachine, ...]:
    """Return this machine, and what it would be with less."""
    network: Mapping[str, Callable[[Sandbox], Sandbox]] = {
        _NETWORK: lambda sandbox: replace(sandbox, network=True)
    }
    measures = {
        _FILES: frozenset({VIEW, LANDLOCK}),
        _PROCESSES: frozenset({PROCESSES, VIEW}),
        _CALLS: frozenset({SECCOMP}),
    }
    weaker = {"own processes without Landlock": frozenset({PROCESSES, VIEW})}
    weakest = {
        "Landlock alone": frozenset({LANDLOCK}),
        "system calls alone": frozenset({SECCOMP}),
    }
    network_there = {"own network without Landlock": network[_NETWORK]}
    return (
        _machine(lacking, measures, network, _WHOLE),
        _machine(lacking | {LANDLOCK}, weaker, network_there, _NO_LANDLOCK),
        _machine(lacking | {*NAMESPACES}, weakest, {}, _NO_NAMESPACES),
        _machine(
            lacking | {*NAMESPACES, LANDLOCK},
            {_CALLS_ONLY: frozenset({SECCOMP})},
            {},
            _SECCOMP_ALONE,
        ),
    )


def _machine(
    lacking: frozenset[str],
    measures: Mapping[str, frozenset[str]],
    changes: Mapping[str, Callable[[Sandbox], Sandbox]],
    rows: Sequence[tuple[str, str, str, Callable[[AttackEffect], bool]]],
) -> BuildMachine:
    confinement = confine(lacking)
    kind = ProgramSandbox(confinement, _sandbox, measures, changes)
    every = tuple(ProgramAttack(*row) for row in rows)
    shown, left_out = split(every, confinement.measures, _NEEDS)
    refused = {each.name: _kernel_refusal(each.name) for each in shown}
    return BuildMachine(
        kind,
        tuple(each for each in shown if not refused[each.name]),
        (
            *left_out,
            *(
                LeftOut(each.name, each.control, refused[each.name])
                for each in shown
                if refused[each.name]
            ),
        ),
    )


def _kernel_refusal(attack: str) -> str:
    """Return why the kernel itself refuses an attack here; empty if it does not."""
    setting, largest = _SETTINGS.get(attack, ("", 0))
    try:
        value = int(Path("/proc/sys", setting).read_text()) if setting else 0
    except (OSError, ValueError):
        return ""  # a kernel without the setting
    name = setting.replace("/", ".")
    return (
        f"{name} is {value} on this machine, so the kernel refuses it itself"
        if (value > largest)
        else ""
    )


def _sandbox(folder: Path) -> Sandbox:
    """Return the sandbox of a training: its folder, and what it may read."""
    shared = folder.parent / "shared"
    return Sandbox(readable=(shared,), writable=(folder,), temporary=_TEMPORARY)
