"""A hostile model that is code: what it can reach, what it can hold, and what it can leave behind.

The model answers with what succeeded. `docs/content.md` claims what these tests show.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from goldenpath.processes.confinement import NOBODY, Confinement, confine
from goldenpath.processes.sandbox.request import LANDLOCK, NAMESPACES, PROCESSES, SECCOMP, VIEW
from goldenpath.serve.model.supervised_worker import SupervisedModel
from goldenpath.serve.model.worker import SCRATCH_SIZE, WorkerTerms
from goldenpath.serve.model.worker_memory import held_memory
from tests.confined import confined
from tests.serve.model.test_worker import EXAMPLE, place
from tests.serve.process import packed_code, started
from tests.serve.running import run
from tests.sizes import full_size

HERE = confined()
needs_all = pytest.mark.skipif(
    not {PROCESSES, VIEW, LANDLOCK, SECCOMP} <= set(HERE.measures),
    reason="SKIPPED: this kernel lacks a measure",
)
TERMS = WorkerTerms("scoring:load", 4, 1, 20.0, 30.0, 1000)
HEAD = """
import ctypes, json, mmap, os, signal, socket, sys, time
import numpy as np

libc = ctypes.CDLL(None, use_errno=True)

def native(name, *arguments):
    if getattr(libc, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)

def succeeded(calls):
    for call in calls:
        try:
            exec(call, globals())
        except (OSError, KeyError, ImportError):
            continue
        yield call
"""


async def _loaded(folder: Path, body: str, confinement: Confinement) -> SupervisedModel:
    """Start a model whose `load` has this body."""
    said: list[str] = []
    code = HEAD + "\ndef load(files):\n" + body + "\n    return lambda rows: np.zeros(len(rows))\n"
    workplace = replace(place(folder, code), confinement=confinement)
    model = SupervisedModel(workplace, TERMS, EXAMPLE, said.append)
    model.said = said  # type: ignore[attr-defined]
    await model.start()
    return model


def reached(folder: Path, calls: list[str], confinement: Confinement = HERE) -> list[str]:
    """Return the calls that succeed in a model."""
    found: list[str] = []
    body = f"    print('REACHED ' + json.dumps(list(succeeded({calls!r}))), flush=True)"

    async def main() -> None:
        model = await _loaded(folder, body, confinement)
        await asyncio.sleep(0.1)
        model.close()
        lines = "\n".join(model.said).splitlines()  # type: ignore[attr-defined]
        (line,) = (each for each in lines if "REACHED" in each)
        found.extend(json.loads(line.partition("REACHED ")[2]))

    run(main)
    return found


CALLS = [
    "socket.socket()",
    "socket.socket(socket.AF_UNIX)",
    "os.kill(os.getppid(), 0)",
    "os.kill(1, 0)",
    f"os.listdir({str(Path.home() / '.ssh')!r})",
    "os.listdir('/home')",
    "open('/etc/shadow')",
    "open('/proc/1/environ').read()",
    "open('/proc/sys/kernel/core_pattern', 'w')",
    "open('/dev/shm/x', 'w')",
    "os.chmod('.', 0o777)",
    "os.chmod(__file__, 0o777)",
    "os.chown('.', 0, 0)",
    "os.utime('.')",
    "os.setxattr('.', 'user.x', b'x')",
    "os.sched_setaffinity(0, [0])",
    "os.setpriority(os.PRIO_PROCESS, 0, 5)",
    "os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))",
    "native('shmget', 0, 4096, 0o1600)",
    "native('semget', 0, 1, 0o1600)",
    "native('msgget', 0, 0o1600)",
    "native('inotify_init1', 0)",
    "os.memfd_create('x')",
    "os.setsid()",
    "os.setpgid(0, 0)",
    "native('ptrace', 16, os.getppid(), 0, 0)",
    "native('prctl', 1, 0, 0, 0, 0)",
    "native('unshare', 0x10000000)",
    "os.environ['SECRET']",
    "import goldenpath",
    "import site; site.ENABLE_USER_SITE is not None or open('/absent')",
]


@needs_all
def test_a_model_reaches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "of the server")

    assert reached(tmp_path, ["open('mine', 'w').write('x')", *CALLS]) == [
        "open('mine', 'w').write('x')"
    ]


@pytest.mark.skipif(SECCOMP not in HERE.measures, reason="SKIPPED: no seccomp here")
@pytest.mark.parametrize(
    "without", [frozenset(NAMESPACES), frozenset({LANDLOCK}), frozenset({VIEW})]
)
def test_a_machine_with_less_still_keeps_a_model_from_most(
    tmp_path: Path, without: tuple[str, ...]
) -> None:
    weaker = confine(frozenset(without))
    calls = [call for call in CALLS if "goldenpath" not in call]
    # Without namespaces a model could start a process that outlives a killed server.
    forks = ["os.fork() or os._exit(0)"] if PROCESSES not in weaker.measures else []

    assert reached(tmp_path, ["open('mine', 'w').write('x')", *calls, *forks], weaker) == [
        "open('mine', 'w').write('x')"
    ]


@needs_all
@pytest.mark.skipif(os.geteuid() != 0, reason="SKIPPED: concerns root")
def test_a_model_of_a_server_of_root_runs_as_nobody(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    confinement = confine(changes_user=True)
    call = f"os.getresuid() == {(NOBODY,) * 3} and os.getgroups() == [] or open('/absent')"

    assert reached(tmp_path, [call], confinement) == [call]


@needs_all
def test_scratch_is_bounded_and_gone(tmp_path: Path) -> None:
    code = (
        "total = 0\n"
        "for number in range(100):\n"
        "    total += open(str(number), 'wb').write(b'x' * 2**22)\n"
        "    if total > 2**20 * " + str(SCRATCH_SIZE) + ": break\n"
    )

    assert reached(tmp_path, [code]) == []
    assert list((tmp_path / "scratch").iterdir()) == []


HOGS = {
    "shared memory": "held = mmap.mmap(-1, 2**28); held.write(bytes(2**28))",
    "shared memory that is let go of": (
        "held = mmap.mmap(-1, 2**28); held.write(bytes(2**28)); held.madvise(mmap.MADV_DONTNEED)"
    ),
    "a child": (
        "os.fork() or (globals().update(held=np.ones(2**25)), time.sleep(60)); time.sleep(1)"
    ),
    "files": "[open(str(n), 'wb').write(b'x' * 2**25) for n in range(7)]",
    "private memory": "held = np.ones(2**25)",
}


@needs_all
@pytest.mark.parametrize("name", sorted(HOGS))
@pytest.mark.parametrize("without", [(), NAMESPACES])
def test_memory_is_counted_wherever_a_model_keeps_it(
    tmp_path: Path, name: str, without: tuple[str, ...]
) -> None:
    if without and "fork" in HOGS[name]:
        pytest.skip("SKIPPED: without namespaces a model starts no process")
    body = f"    global held\n    exec({HOGS[name]!r}, globals())"

    async def main() -> None:
        model = await _loaded(tmp_path, body, confine(frozenset(without)))
        held, deadline = 0.0, time.monotonic() + 10
        while held < 200 and time.monotonic() < deadline:
            held = held_memory(model.process, tmp_path / "scratch") / 2**20
            await asyncio.sleep(0.05)
        model.close()
        assert 200 < held < 800, held

    run(main)


def test_a_model_that_holds_little_is_counted_as_such(tmp_path: Path) -> None:
    async def main() -> None:
        model = await _loaded(tmp_path, "    pass", HERE)
        held = held_memory(model.process, tmp_path / "scratch") / 2**20
        model.close()
        assert 10 < held < 100, held

    run(main)


ESCAPES = {
    "child": "os.fork() == 0 and time.sleep(600)",
    "grandchild": "os.fork() == 0 and (os.fork() == 0 and time.sleep(600) or os._exit(0))",
}


_SURVIVES = full_size("test_nothing_survives_the_server")


@needs_all
@pytest.mark.parametrize(
    ("end", "how"),
    [
        ("kill", "grandchild"),
        ("orderly", "child"),
        pytest.param("kill", "child", marks=_SURVIVES),
        pytest.param("orderly", "grandchild", marks=_SURVIVES),
    ],
)
def test_nothing_survives_the_server(tmp_path: Path, how: str, end: str) -> None:
    marker = f"survivor-{os.getpid()}-{how}-{end}"
    body = f"    if {ESCAPES[how].replace('time.sleep(600)', 'wait()')}: pass\n"
    wait = (
        "\ndef wait():\n"
        "    code = 'import time; time.sleep(600)'\n"
        f"    os.execv(sys.executable, [sys.executable, '-c', code, {marker!r}])\n"
    )
    code = f"{HEAD}{wait}\ndef load(files):\n{body}    return lambda rows: np.zeros(len(rows))\n"
    release = packed_code(tmp_path, code)
    launch = replace(release.launch(), listen=f"unix:{tmp_path}/s")
    with subprocess.Popen(
        [sys.executable, "-m", "goldenpath.serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, start_new_session=True,
    ) as server:  # fmt: skip
        assert server.stdin is not None and server.stdout is not None
        server.stdin.write(msgspec.json.encode(launch) + b"\n")
        server.stdin.flush()
        assert b"ready" in server.stdout.readline()
        deadline = time.monotonic() + 10
        while not _is_alive(marker):
            assert time.monotonic() < deadline, "the process of the model never started"
        if end == "kill":
            server.send_signal(signal.SIGKILL)
        else:
            server.stdin.close()
        server.wait(60)

    deadline = time.monotonic() + 10
    while _is_alive(marker):
        assert time.monotonic() < deadline, "a process of the model is left"
        time.sleep(0.05)


def _is_alive(marker: str) -> bool:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in path.read_bytes():
                return True
        except OSError:
            continue
    return False


PLAIN = """
import builtins
import numpy as np

def load(files):
    return lambda rows: np.full(len(rows), 0.9 if hasattr(builtins, "ran_early") else 0.5)
"""


_EARLY = full_size("test_no_file_of_a_package_runs_before_it_is_imported")


@pytest.mark.parametrize(
    "file",
    [
        "zzz.pth",
        pytest.param("sitecustomize.py", marks=_EARLY),
        pytest.param("usercustomize.py", marks=_EARLY),
    ],
)
def test_no_file_of_a_package_runs_before_it_is_imported(tmp_path: Path, file: str) -> None:
    outside = tmp_path / "outside"
    line = f"import builtins; builtins.ran_early = True; open({str(outside)!r}, 'w').write('x')\n"
    release = packed_code(tmp_path, PLAIN, helper={file: line})
    launch = replace(release.launch(), listen=f"unix:{tmp_path}/s")

    async def main(address: str) -> None:
        from tests.serve.model.test_code import _ask
        from tests.serve.running import ROW

        answer = await _ask(address, ROW)
        assert json.loads(answer.body)["outputs"][0]["data"] == [0.5]

    with started(launch) as process:
        assert process.event["event"] == "ready", process.event
        run(lambda: main(process.address))
    assert not outside.exists()


def test_a_wheel_that_replaces_the_interpreter_is_refused(tmp_path: Path) -> None:
    name = "helper-1.0.data/scripts/python"
    release = packed_code(tmp_path, PLAIN, helper={name: "#!/bin/sh\nexit 0\n"})

    with started(replace(release.launch(), listen=f"unix:{tmp_path}/s")) as process:
        assert process.event["event"] == "failed", process.event
