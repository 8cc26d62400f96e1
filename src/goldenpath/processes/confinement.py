"""The confinement of foreign programs: what this machine can enforce, and how to start one.

There is one mechanism for everything that we did not write: training, lint, tests, scoring, build
backends, uv, and models that are code. `confine` finds out once what the kernel enforces, and
`Confinement.command` turns a command into one that the launcher runs in its sandbox. A measure
that was found is applied to every program, or the program does not start. So a record of the
measures is true.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from goldenpath.errors import Unavailable
from goldenpath.processes.sandbox import landlock, seccomp
from goldenpath.processes.sandbox.request import (
    LANDLOCK,
    MEASURES,
    NAMESPACES,
    NETWORK,
    PROCESSES,
    SECCOMP,
    UNCHANGED_METADATA,
    USER,
    VIEW,
    Request,
)

_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from goldenpath.processes.sandbox.launcher import main; main()"
)
_SOURCE = str(Path(__file__).parents[2])
_PROBE_SECONDS = 20.0
NOBODY = 65534
"""The user without files. Programs of root run as it where that is possible."""
_SYSTEM_FOLDERS = (
    "bin", "sbin", "lib", "lib32", "lib64", "libx32", "libexec", "share", "include",
)  # fmt: skip
SYSTEM_FILES = (
    *(f"/usr/{name}" for name in _SYSTEM_FOLDERS),
    *(f"/usr/local/{name}" for name in _SYSTEM_FOLDERS),
    "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store",
    "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives",
    "/etc/localtime", "/etc/timezone", "/etc/locale.alias", "/etc/mime.types", "/etc/os-release",
    "/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/hosts", "/etc/host.conf",
    "/etc/protocols", "/etc/services", "/sys/devices/system", "/sys/fs/cgroup",
)  # fmt: skip
"""What programs need of a system. Not all of `/usr`: images keep projects in `/usr/src`."""
NETWORK_FILES = (
    "/etc/resolv.conf", "/etc/gai.conf", "/etc/ssl/certs", "/etc/ssl/openssl.cnf",
    "/etc/ssl/cert.pem", "/etc/pki/tls/certs", "/etc/pki/tls/cert.pem", "/etc/pki/ca-trust",
    "/etc/ca-certificates", "/etc/crypto-policies",
)  # fmt: skip
"""Names of servers and public certificates, for programs that may use the network."""


_WEAKNESSES: tuple[tuple[tuple[set[str], ...], str], ...] = (
    (({VIEW}, {LANDLOCK}), "they read and change whatever this user can: keys, too"),
    (({VIEW}, {SECCOMP}), "they change modes, owners and times of files of this user"),
    (({PROCESSES},), "a process of theirs can stay if the build is killed"),
    (({PROCESSES}, {LANDLOCK}), "they see and signal the processes of this user"),
    (({NETWORK}, {SECCOMP}), "they use the network, declared or not"),
    (({SECCOMP},), "they make any system call"),
)
"""For each weakness the measures that prevent it, in each way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """What one program may use. Whatever is not listed, it cannot reach."""

    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    network: bool = False
    temporary: int = 0
    """MiB of a private `/tmp`, where the machine has mount namespaces."""
    scratch: Path | None = None
    """A writable folder, limited to `scratch_size` MiB where there are mount namespaces."""
    scratch_size: int = 0
    refused: tuple[str, ...] = ()
    """Groups of system calls that are refused as well."""
    limits: Mapping[str, int] = field(default_factory=dict)
    most_tasks: int = 0
    """Processes and threads at a time; 0 for no limit."""
    most_memory: int = 0
    """MiB that all of its processes may hold together; 0 for no limit."""
    first_to_kill: bool = False
    changes_user: bool = False
    """Whether the program runs as `Confinement.user`. Others can read its files then."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """The measures that this machine enforces on every foreign program."""

    measures: tuple[str, ...]
    """Names as in `goldenpath.processes.sandbox.request`."""
    user: int = 0
    """The user that programs of root run as; 0 if that stays root, or is not root anyway."""

    @property
    def missing(self) -> tuple[str, ...]:
        """The measures that this machine lacks."""
        return tuple(name for name in MEASURES if name not in self.measures)

    @property
    def confines_files(self) -> bool:
        """Whether a program can only reach the files that are listed for it."""
        return VIEW in self.measures or LANDLOCK in self.measures

    @property
    def ends_everything(self) -> bool:
        """Whether no process of a program can outlive it, whatever it does."""
        return PROCESSES in self.measures

    @property
    def limits_scratch(self) -> bool:
        """Whether the kernel limits the size of a scratch folder."""
        return VIEW in self.measures

    @property
    def weaknesses(self) -> tuple[str, ...]:
        """What programs of a project can do here, because the machine lacks measures."""
        present = set(self.measures)
        return tuple(
            sentence
            for needed, sentence in _WEAKNESSES
            if not any(all_of <= present for all_of in needed)
        )

    @property
    def changes_user(self) -> bool:
        """Whether a program of root runs as another user."""
        return self.user != 0

    def command(self, command: Sequence[str], sandbox: Sandbox, folder: Path) -> list[str]:
        """Return the command that runs `command` in `folder`, confined.

        Only this process may start it, and it ends with the thread that does.
        """
        return _launched(self._request(command, sandbox, folder))

    def _request(self, command: Sequence[str], sandbox: Sandbox, folder: Path) -> Request:
        user = self.user if sandbox.changes_user else 0
        # Root that becomes somebody else needs no user namespace, and could not change in one.
        left_out = {*([NETWORK] if sandbox.network else []), *([USER] if user else [])}
        # Without a read-only view, mode, owner and times of any file could be changed.
        extra = () if VIEW in self.measures else (UNCHANGED_METADATA,)
        system = (*SYSTEM_FILES, *(NETWORK_FILES if sandbox.network else ()))
        request = Request()
        request.command = list(command)
        request.folder, request.parent = str(folder), os.getpid()
        request.measures = [name for name in self.measures if name not in left_out]
        request.readable = [*system, *(str(path.absolute()) for path in sandbox.readable)]
        request.writable = [str(path.absolute()) for path in sandbox.writable]
        request.temporary = sandbox.temporary
        if sandbox.scratch is not None:
            request.scratch = str(sandbox.scratch.absolute())
            request.scratch_size = sandbox.scratch_size
        request.network, request.user = sandbox.network, user
        request.refused = sorted({*sandbox.refused, *extra})
        request.limits = [f"{name} {value}" for name, value in sandbox.limits.items()]
        request.limits.append("RLIMIT_CORE 0")
        request.first_to_kill = sandbox.first_to_kill
        request.most_tasks, request.most_memory = sandbox.most_tasks, sandbox.most_memory
        if sandbox.most_tasks and USER in request.measures:
            # The kernel counts those of the namespace. It exempts root, who is looked at instead.
            request.limits.append(f"RLIMIT_NPROC {sandbox.most_tasks}")
        return request


def _launched(request: Request) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", _START, _SOURCE, *request.arguments()]


def confine(without: frozenset[str] = frozenset(), *, changes_user: bool = False) -> Confinement:
    """Return what the kernel enforces here. `without` are measures to leave out, for tests.

    With `changes_user`, root also looks whether its programs can run as nobody. Everything is
    tried with a program that does nothing. Raises `Unavailable` if not even that can be started.
    """
    possible = {
        *NAMESPACES,
        *([LANDLOCK] if landlock.version() else []),
        *([SECCOMP] if seccomp.is_known() else []),
    }
    all_measures = tuple(name for name in MEASURES if name in possible and name not in without)
    reason = ""
    for left_out in ((), (VIEW,), NAMESPACES, MEASURES):
        measures = tuple(name for name in all_measures if name not in left_out)
        if VIEW in measures and PROCESSES not in measures:
            continue  # the view shows the processes of a namespace
        for user in (NOBODY, 0) if changes_user and VIEW in measures and not os.geteuid() else (0,):
            candidate = Confinement(measures, user)
            reason = _refusal(candidate)
            if not reason:
                return candidate
    raise Unavailable(f"no program can be started here: {reason}")


def _refusal(candidate: Confinement) -> str:
    """Return why a program cannot be started with these measures; empty if it can."""
    python = Path(sys.executable).resolve()
    nothing = Sandbox(readable=interpreter_files(python), changes_user=True)
    command = candidate.command([str(python), "-I", "-S", "-c", ""], nothing, Path("/"))
    try:
        process = subprocess.run(
            command, env={}, capture_output=True, timeout=_PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if process.returncode == 0:
        return ""
    words = process.stderr.decode("utf-8", "replace").strip()[-500:]
    return words or f"it ended with {process.returncode}"


def interpreter_files(python: Path) -> tuple[Path, ...]:
    """Return what an interpreter reads of its installation, without virtual environments.

    `python` must be one that we chose: a package can bring another program of that name. Other
    folders beside these are left out, because the installation may be below a home.
    """
    base = python.resolve().parents[1]
    parts = ("bin", "lib", "lib32", "lib64", "include", "ssl")
    return tuple(base / part for part in parts if (base / part).is_dir())
