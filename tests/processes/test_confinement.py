"""What a confined program can and cannot do: with everything the kernel has, and with less.

Each test runs a real program through the real launcher. Measures that this machine lacks are
skipped by name; machines that lack others are simulated by leaving measures out of the request.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from goldenpath.no_telemetry import NO_TELEMETRY
from goldenpath.processes.confinement import (
    NETWORK_FILES,
    NOBODY,
    SYSTEM_FILES,
    Confinement,
    Sandbox,
    confine,
    interpreter_files,
)
from goldenpath.processes.sandbox.request import (
    FORKING,
    LANDLOCK,
    METADATA,
    NAMESPACES,
    NETWORK,
    PROCESSES,
    SCHEDULING,
    SECCOMP,
    SESSIONS,
    SHARING,
    SIGNALS,
    USER,
    VIEW,
    WATCHING,
)
from tests.confined import confined

HERE = confined()
PYTHON = Path(sys.executable).resolve()
NO_VIEW = confined(frozenset({VIEW}))
NO_NAMESPACES = confined(frozenset(NAMESPACES))
NO_LANDLOCK = confined(frozenset({LANDLOCK}))
MACHINES = {
    "everything": HERE,
    "no mount namespace": NO_VIEW,
    "no namespaces": NO_NAMESPACES,
    "no Landlock": NO_LANDLOCK,
}
needs_namespaces = pytest.mark.skipif(
    not {PROCESSES, VIEW} <= set(HERE.measures), reason="SKIPPED: this kernel gives no namespaces"
)


@pytest.fixture(params=sorted(MACHINES), scope="module")
def machine(request: pytest.FixtureRequest) -> Iterator[Confinement]:
    """A machine that can confine files, in each way."""
    measures: Confinement = MACHINES[request.param]
    if not measures.confines_files:
        pytest.skip("SKIPPED: this kernel confines no files in this way")
    yield measures


def run(
    code: str,
    folder: Path,
    confinement: Confinement = HERE,
    sandbox: Sandbox | None = None,
    **variables: str,
) -> "subprocess.CompletedProcess[str]":
    """Run Python code that may write `folder`, confined."""
    allowed = sandbox or Sandbox(writable=(folder,), temporary=16)
    allowed = replace(allowed, readable=(*allowed.readable, *interpreter_files(PYTHON)))
    command = confinement.command([str(PYTHON), "-I", "-S", "-c", code], allowed, folder)
    return subprocess.run(
        command, env={"PATH": os.environ["PATH"], **variables}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


def refused(
    calls: Sequence[str], folder: Path, confinement: Confinement = HERE, **sandbox: object
) -> list[str]:
    """Return the calls that raise `OSError`. All run in one confined program, in their order."""
    code = (
        "import ctypes, json, mmap, os, signal, socket, sys\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "def native(name, *arguments):\n"
        "    if getattr(libc, name)(*arguments) == -1:\n"
        "        raise OSError(ctypes.get_errno(), name)\n"
        f"for call in {list(calls)!r}:\n"
        "    try:\n"
        "        exec(call)\n"
        "    except OSError as error:\n"
        "        print(json.dumps(call), flush=True)\n"
    )
    allowed = Sandbox(writable=(folder,), temporary=16)
    process = run(code, folder, confinement, replace(allowed, **sandbox))  # type: ignore[arg-type]
    assert process.returncode == 0, process.stderr
    return [json.loads(line) for line in process.stdout.splitlines()]


def is_alive(marker: str) -> bool:
    """Return whether a process of this machine has the marker among its arguments."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in path.read_bytes() and path.parent.name != str(os.getpid()):
                state = (path.parent / "stat").read_text().rpartition(")")[2].split()[0]
                if state not in "ZX":
                    return True
        except OSError:
            continue
    return False


def ends(marker: str) -> bool:
    """Return whether every process with the marker ends within ten seconds."""
    for _ in range(200):
        if not is_alive(marker):
            return True
        time.sleep(0.05)
    return False


def test_a_program_runs_with_its_output_input_and_status(tmp_path: Path) -> None:
    process = run("import sys; print(len(sys.argv)); sys.exit(7)", tmp_path)

    assert (process.stdout, process.returncode) == ("1\n", 7)


def test_a_signal_that_ends_the_program_ends_the_launcher_too(
    machine: Confinement, tmp_path: Path
) -> None:
    for number in (signal.SIGKILL, signal.SIGSEGV):
        process = run(f"import os; os.kill(os.getpid(), {int(number)})", tmp_path, machine)
        assert process.returncode == -number


def test_what_is_listed_can_be_read_and_written_and_nothing_else(
    machine: Confinement, tmp_path: Path
) -> None:
    mine, shared, secret = (tmp_path / name for name in ("mine", "shared", "secret"))
    for folder in (mine, shared, secret):
        folder.mkdir()
        (folder / "file").write_text("content")
    (mine / "link").symlink_to(secret / "file")
    allowed = [f"open({str(shared / 'file')!r}).read()", f"open({str(mine / 'new')!r}, 'w')"]
    forbidden = [
        *(
            f"open({str(path)!r}).read()"
            for path in (secret / "file", mine / "link", mine / ".." / "secret" / "file")
        ),
        f"os.listdir({str(Path.home() / '.ssh')!r})",
        f"os.listdir({str(Path(__file__).parent)!r})",
        "open('/etc/shadow')",
        f"open({str(shared / 'file')!r}, 'a')",
        f"os.unlink({str(shared / 'file')!r})",
        f"os.rename({str(shared / 'file')!r}, {str(mine / 'taken')!r})",
        f"os.link({str(shared / 'file')!r}, {str(mine / 'taken')!r})",
        f"os.truncate({str(shared / 'file')!r}, 0)",
    ]

    found = refused([*allowed, *forbidden], mine, machine, readable=(shared,), writable=(mine,))

    assert found == forbidden
    assert (mine / "new").exists()


def test_mode_owner_and_times_of_a_file_outside_stay(machine: Confinement, tmp_path: Path) -> None:
    shared, mine = tmp_path / "shared", tmp_path / "mine"
    shared.mkdir()
    mine.mkdir()
    (shared / "file").write_text("content")
    (shared / "file").chmod(0o600)
    before, file = (shared / "file").stat(), str(shared / "file")
    calls = [
        f"os.chmod({file!r}, 0o777)",
        f"os.utime({file!r}, (0, 0))",
        f"os.chown({file!r}, 1, 1)",
        f"os.setxattr({file!r}, 'user.x', b'x')",
        f"os.utime(os.open({file!r}, os.O_RDONLY), (0, 0))",
        f"os.fchmod(os.open({file!r}, os.O_RDONLY), 0o777)",
    ]

    found = refused(calls, mine, machine, readable=(shared,), writable=(mine,))
    # Without a mount namespace modes and times stay without an error, see `request.py`.
    assert found == calls or VIEW not in machine.measures
    after = (shared / "file").stat()
    assert (before.st_mode, before.st_uid, before.st_mtime_ns) == (
        after.st_mode,
        after.st_uid,
        after.st_mtime_ns,
    )


def test_the_processes_of_the_machine_are_out_of_reach(
    machine: Confinement, tmp_path: Path
) -> None:
    me = os.getpid()
    calls = [
        f"open('/proc/{me}/environ').read()",
        f"open('/proc/{me}/maps').read()",
        f"open('/proc/{me}/mem', 'rb').read(1)",
        f"os.listdir('/proc/{me}/fd')",
        f"os.readlink('/proc/{me}/cwd')",
        f"native('ptrace', 16, {me}, 0, 0)",
        f"os.kill({me}, 0)",
        "os.kill(os.getppid(), 9)",
    ]
    if not machine.ends_everything and LANDLOCK not in machine.measures:
        calls = calls[:-2]

    # The first process of a namespace ignores signals from inside, so there the last call works.
    assert refused(calls, tmp_path, machine)[: len(calls) - 1] == calls[: len(calls) - 1]


def test_the_environment_of_the_launcher_is_the_one_that_was_given(tmp_path: Path) -> None:
    printed = run("import os; print(*sorted(os.environ))", tmp_path, MARK="1").stdout.split()

    # Python adds the first itself; the launcher switches off the telemetry of libraries.
    assert {*printed} - {"LC_CTYPE", *NO_TELEMETRY} == {"MARK", "PATH"}


def test_there_is_no_network_unless_it_is_declared(machine: Confinement, tmp_path: Path) -> None:
    outside = Path("/tmp") / f"goldenpath-{os.getpid()}.socket"  # noqa: S108 - short enough
    abstract = f"\0goldenpath-{os.getpid()}"
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as named,
        socket.socket(socket.AF_UNIX) as hidden,
    ):
        named.bind(str(outside))
        named.listen()
        hidden.bind(abstract)
        hidden.listen()
        port = tcp.getsockname()[1]
        calls = [
            f"socket.create_connection(('127.0.0.1', {port}), 2)",
            f"socket.create_connection(('localhost', {port}), 2)",
            f"socket.socket(socket.AF_UNIX).connect({str(outside)!r})",
            f"socket.socket(socket.AF_UNIX).connect({abstract!r})",
            "socket.socket(socket.AF_VSOCK)",
            "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
            "socket.socket(38, socket.SOCK_SEQPACKET)",
        ]
        try:
            assert refused(calls, tmp_path, machine) == calls
            assert refused(calls[:2], tmp_path, machine, network=True) == []
        finally:
            outside.unlink()


@needs_namespaces
def test_programs_of_one_sandbox_can_talk_to_each_other(tmp_path: Path) -> None:
    code = (
        "import socket\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "client = socket.create_connection(server.getsockname(), 5)\n"
        "server.accept()[0].sendall(b'hello')\n"
        "print(client.recv(5))\n"
    )

    assert run(code, tmp_path).stdout == "b'hello'\n"


ORPHANS = {
    "child": "if os.fork() == 0: time.sleep(600)",
    "new session": "if os.fork() == 0: os.setsid(); time.sleep(600)",
    "double fork": (
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0: time.sleep(600)\n"
        "    os._exit(0)"
    ),
    "no signal from its parent": (
        "if os.fork() == 0:\n"
        "    os.setsid(); ctypes.CDLL(None).prctl(1, 0, 0, 0, 0); time.sleep(600)"
    ),
}


@pytest.mark.parametrize("how", sorted(ORPHANS))
def test_nothing_outlives_a_program_that_ends(
    machine: Confinement, tmp_path: Path, how: str
) -> None:
    marker = f"marker-{os.getpid()}-{how.replace(' ', '-')}"
    code = f"import ctypes, os, time\n'{marker}'\nprint('started', flush=True)\n{ORPHANS[how]}\n"

    process = run(code, tmp_path, machine)

    assert process.stdout == "started\n", process.stderr
    assert ends(marker)


@pytest.mark.parametrize("how", sorted(ORPHANS))
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_a_launcher_that_is_killed(
    tmp_path: Path, how: str, number: signal.Signals
) -> None:
    if number == signal.SIGKILL and not HERE.ends_everything:
        pytest.skip("SKIPPED: this kernel gives no PID namespace")
    marker = f"marker-{os.getpid()}-{number}-{how.replace(' ', '-')}"
    code = f"import ctypes, os, time\n'{marker}'\n{ORPHANS[how]}\nprint('x', flush=True)\n"
    code += "time.sleep(600)"
    sandbox = Sandbox(writable=(tmp_path,), readable=interpreter_files(PYTHON))
    command = HERE.command([str(PYTHON), "-I", "-S", "-c", code], sandbox, tmp_path)
    with subprocess.Popen(command, env={}, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert is_alive(marker)
        process.send_signal(number)

    assert ends(marker)


@pytest.mark.skipif(not HERE.ends_everything, reason="SKIPPED: this kernel gives no PID namespace")
def test_nothing_outlives_a_parent_that_is_killed(tmp_path: Path) -> None:
    marker = f"marker-{os.getpid()}-parent"
    parent = (
        "import subprocess, sys\n"
        "from pathlib import Path\n"
        "from goldenpath.processes.confinement import Sandbox, confine, interpreter_files\n"
        f"python, folder = Path({str(PYTHON)!r}), Path({str(tmp_path)!r})\n"
        "sandbox = Sandbox(writable=(folder,), readable=interpreter_files(python))\n"
        "code = 'import os, time; os.fork(); os.setsid(); print(1, flush=True); time.sleep(600)'\n"
        f"command = [str(python), '-I', '-S', '-c', code, {marker!r}]\n"
        "subprocess.run(confine().command(command, sandbox, folder), env={})\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert is_alive(marker)
        process.kill()

    assert ends(marker)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="SKIPPED: numbers of x86-64")
def test_system_calls_that_no_program_needs_are_refused(tmp_path: Path) -> None:
    calls = [
        "native('unshare', 0x10000000)",
        "native('unshare', 0x00020000)",
        "native('mount', b'none', b'/', None, 0, None)",
        "native('umount2', b'/usr', 2)",
        "native('syscall', 321, 0, 0, 0)",
        "native('syscall', 425, 8, 0)",
        "native('syscall', 250, 0, 0, 0, 0, 0)",
        "native('syscall', 298, 0, 0, 0, 0, 0)",
        "native('syscall', 323, 0)",
        "native('syscall', 434, os.getpid(), 0)",
        "native('syscall', 0x40000000 + 39)",
        "native('prctl', 1, 0, 0, 0, 0)",
        "native('chroot', b'/')",
        "native('setns', 0, 0)",
        "native('sethostname', b'x', 1)",
        "native('syscall', 56, 0x10000000 | 17, 0, 0, 0, 0)",
        "native('syscall', 435, 0, 0)",
    ]

    assert refused(calls, tmp_path) == calls


GROUPS = {
    METADATA: (
        "os.chmod('file', 0o777)",
        "os.chown('file', -1, -1)",
        "os.utime('file')",
        "os.setxattr('file', 'user.x', b'x')",
        "os.removexattr('file', 'user.x')",
    ),
    SCHEDULING: (
        "os.setpriority(os.PRIO_PROCESS, 0, 5)",
        "os.sched_setaffinity(0, [0])",
        "os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))",
    ),
    SHARING: (
        "native('shmget', 0, 4096, 0o1600)",
        "native('semget', 0, 1, 0o1600)",
        "native('msgget', 0, 0o1600)",
        "os.memfd_create('x')",
        "socket.socket(socket.AF_INET)",
    ),
    WATCHING: ("native('inotify_init1', 0)",),
    SESSIONS: ("os.setpgid(0, 0)", "os.setsid()"),
    SIGNALS: ("os.kill(os.getppid(), 0)", "os.kill(-1, 0)"),
    FORKING: ("os.fork() or os._exit(0)", "os.posix_spawn('/bin/true', ['true'], {})"),
}


@pytest.mark.parametrize("group", sorted(GROUPS))
@pytest.mark.skipif(SECCOMP not in HERE.measures, reason="SKIPPED: no seccomp here")
def test_a_group_of_system_calls_is_refused_on_request(tmp_path: Path, group: str) -> None:
    (tmp_path / "file").write_text("x")
    calls = list(GROUPS[group])

    assert refused(calls, tmp_path, HERE, refused=(group,)) == calls


@needs_namespaces
def test_a_scratch_folder_holds_no_more_than_its_size(tmp_path: Path) -> None:
    code = (
        "total = 0\n"
        "try:\n"
        "    for number in range(100):\n"
        "        total += open(str(number), 'wb').write(b'x' * 2**20)\n"
        "except OSError as error:\n"
        "    print(total, error.errno)\n"
    )
    sandbox = Sandbox(scratch=tmp_path, scratch_size=4)

    written, number = map(int, run(code, tmp_path, HERE, sandbox).stdout.split())

    assert (written <= 4 * 2**20, number) == (True, 28)
    assert list(tmp_path.iterdir()) == []


@needs_namespaces
@pytest.mark.skipif(os.geteuid() != 0, reason="SKIPPED: only root can become somebody else")
def test_root_gives_its_user_up(tmp_path: Path) -> None:
    confinement = confine(changes_user=True)
    sandbox = Sandbox(scratch=tmp_path, scratch_size=4, changes_user=True)
    code = "import os; open('x', 'w'); print(os.getresuid(), os.getresgid(), os.getgroups())"

    assert confinement.user == NOBODY
    printed = run(code, tmp_path, confinement, sandbox).stdout
    assert printed == f"{(NOBODY,) * 3} {(NOBODY,) * 3} []\n"


@needs_namespaces
@pytest.mark.skipif(os.geteuid() != 0, reason="SKIPPED: concerns root")
def test_root_has_no_capability_and_changes_no_setting(tmp_path: Path) -> None:
    status = run("print(open('/proc/self/status').read())", tmp_path).stdout
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)

    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(fields[name], 16) == 0, name
    assert fields["NoNewPrivs"].strip() == "1"
    calls = ["open('/proc/sys/kernel/core_pattern', 'w')", "open('/sys/kernel/mm/ksm/run', 'w')"]
    assert refused(calls, tmp_path) == calls


def test_a_measure_that_cannot_be_applied_starts_nothing(tmp_path: Path) -> None:
    wrong = Confinement((*HERE.measures, USER, VIEW)) if USER in HERE.measures else HERE
    command = wrong.command([str(PYTHON), "-c", "print('ran')"], Sandbox(), Path("/absent"))

    process = subprocess.run(command, env={}, capture_output=True, text=True, check=False)

    assert (process.returncode, process.stdout) == (125, "")
    assert "the sandbox cannot be entered" in process.stderr


def test_the_measures_in_force_are_those_that_are_reported(tmp_path: Path) -> None:
    code = (
        "import json, os\n"
        "status = dict(l.split(':', 1) for l in open('/proc/self/status') if ':' in l)\n"
        "names = ('user', 'pid', 'net', 'ipc', 'mnt')\n"
        "spaces = {name: os.readlink('/proc/self/ns/' + name) for name in names}\n"
        "print(json.dumps([spaces, status['Seccomp']]))\n"
    )
    spaces, filtered = json.loads(run(code, tmp_path).stdout)

    for name, measure in (
        ("user", USER), ("pid", PROCESSES), ("net", NETWORK), ("mnt", VIEW),
    ):  # fmt: skip
        is_own = spaces[name] != str(Path(f"/proc/self/ns/{name}").readlink())
        assert is_own == (measure in HERE.measures), measure
    assert (filtered.strip() == "2") == (SECCOMP in HERE.measures)


@pytest.mark.parametrize(
    "place",
    ["/usr/src/app", "/usr/local/src", "/usr/local/etc", "/opt", "/srv", "/var", "/app", "/etc/ssl",
     "/etc/ssl/private", "/proc", "/dev", "/run", str(Path.home()), str(Path(__file__))],
)  # fmt: skip
def test_no_place_of_projects_and_keys_is_a_system_file(place: str) -> None:
    for file in (*SYSTEM_FILES, *NETWORK_FILES):
        assert not Path(place).is_relative_to(file), file
        assert not Path(file).is_relative_to(place) or place == "/etc/ssl", file


def test_machines_that_lack_something_say_so() -> None:
    assert set(NO_NAMESPACES.missing) >= set(NAMESPACES)
    assert not NO_NAMESPACES.ends_everything
    assert LANDLOCK in NO_LANDLOCK.missing
    assert not confine(frozenset({*NAMESPACES, LANDLOCK})).confines_files
