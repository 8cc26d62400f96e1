"""The programs of the suite `build`: what each tries, and how its success is seen from outside."""

from collections.abc import Callable
from pathlib import Path

from goldenpath.attacks.programs.confined_trial import AttackEffect


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
FILES = "list of files"
OWN_NETWORK = "own network"
OWN_PROCESSES = "own processes"
CALLS, CALLS_ONLY = "system calls", "system calls without other measures"
TRACING = ("kernel/yama/ptrace_scope", 0)
WHOLE = (
    ("a training reads a key", FILES, _READ.format("key"), _secret),
    ("a training reads a key through a link", FILES,
        "os.symlink(key, 'link')\n" + _READ.format("'link'"), _secret),
    ("a training reads a key by a way round", FILES,
        _READ.format("mine + '/../keys/release.pem'"), _secret),
    ("a training reads a key through its own process", FILES,
        _READ.format("'/proc/self/root' + key"), _secret),
    ("a training links a key into its folder", FILES,
        "os.link(key, 'linked')\n" + _READ.format("'linked'"), _secret),
    ("a training writes the configuration of git", FILES,
        "open(project + '/.git/config', 'a').write('[core] fsmonitor = x')",
        _changes("project/.git/config")),
    ("a training adds a hook of git", FILES,
        "open(project + '/.git/hook', 'w').write('x')", _changes("project/.git/hook")),
    ("a training changes the project", FILES,
        "open(project + '/model.py', 'a').write('weights = 2')", _changes("project/model.py")),
    ("a training adds a file that starts with Python", FILES,
        "open(project + '/evil.pth', 'w').write('import os')", _changes("project/evil.pth")),
    ("a training changes the data of others", FILES,
        "open(shared + '/data.csv', 'a').write('1,2')", _changes("shared/data.csv")),
    ("a training adds to the data of others", FILES,
        "open(shared + '/more.csv', 'w').write('1,2')", _changes("shared/more.csv")),
    ("a training connects to a server", OWN_NETWORK,
        _sends(_TCP, "('127.0.0.1', tcp)", "tcp-1"), _reaches("tcp", "tcp-1")),
    ("a training connects to a server by its name", OWN_NETWORK,
        _sends(_TCP, "('localhost', tcp)", "tcp-2"), _reaches("tcp", "tcp-2")),
    ("a training sends a datagram", OWN_NETWORK,
        _sends(_UDP, "('127.0.0.1', udp)", "udp-1"), _reaches("udp", "udp-1")),
    ("a process of a training stays", OWN_PROCESSES, "pass", _outlives),
    ("a process of a training stays in its own session", OWN_PROCESSES, "os.setsid()", _outlives),
    ("a process of a training stays after two forks", OWN_PROCESSES,
        "os.setsid()\nif os.fork(): os._exit(0)", _outlives),
    ("a process of a training ignores every signal", OWN_PROCESSES,
        "import signal\nos.setsid()\n"
        "for number in (1, 2, 13, 15): signal.signal(number, signal.SIG_IGN)", _outlives),
    ("a training opens a ring of system calls", CALLS,
        "native('syscall', 425, 8, ctypes.create_string_buffer(120))",
        lambda effect: effect.holds("io_uring")),
    ("a training handles its own page faults", CALLS,
        "native('syscall', 323, 1)", lambda effect: effect.holds("userfaultfd")),
    ("a training holds on to a process", CALLS,
        "native('syscall', 434, os.getpid(), 0)", lambda effect: effect.holds("pidfd")),
    ("a training becomes root of users of its own", CALLS,
        "native('unshare', 0x10000000)", _enters("user")),
    ("a training mounts in a space of its own", CALLS,
        "native('unshare', 0x10020000)", _enters("mnt")),
    ("a training makes a network of its own", CALLS,
        "native('unshare', 0x50000000)", _enters("net")),
    ("a training traces another process", CALLS,
        f"{_CHILD}native('ptrace', 16, child, None, None)", _is_traced),
    ("a training keeps something in a keyring of the user", CALLS,
        "native('syscall', 248, b'user', ('goldenpath-' + mark).encode(), b'x', 1, -4)",
        _is_in_keyring),
    ("a training measures through the kernel", CALLS,
        "request = struct.pack('<2I5Q', 1, 112, 0, 0, 0, 0, 0x60)\n"
        "content = ctypes.create_string_buffer(request, 112)\n"
        "native('syscall', 298, content, 0, -1, -1, 0)",
        lambda effect: effect.holds("perf_event")),
    ("a training gives the kernel a map of its own", CALLS,
        "content = ctypes.create_string_buffer(struct.pack('<5I', 2, 4, 4, 1, 0), 72)\n"
        "native('syscall', 321, 0, content, 72)",
        lambda effect: effect.holds("bpf-map")),
)  # fmt: skip
WITHOUT_LANDLOCK = (
    ("a training connects to an abstract socket", "own network without Landlock",
        _sends(_LOCAL, r"'\0' + abstract", "abstract-1"), _reaches("abstract", "abstract-1")),
    ("a training kills another process", "own processes without Landlock",
        "os.kill(victim, 9)", _kills),
)  # fmt: skip
WITHOUT_NAMESPACES = (
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


SECCOMP_ALONE = (
    ("a program without other measures reads the memory of another process", CALLS_ONLY,
        "content = ctypes.create_string_buffer(length)\n"
        "here = struct.pack('PN', ctypes.addressof(content), length)\n"
        "there = struct.pack('PN', address, length)\n"
        "one, none = ctypes.c_ulong(1), ctypes.c_ulong(0)\n"
        "native('process_vm_readv', victim, here, one, there, one, none)\n"
        "gained.append(content.raw.decode())", _secret),
    ("a program without other measures traces another process", CALLS_ONLY,
        "native('ptrace', 16, victim, None, None)", _traces_victim),
)  # fmt: skip
