"""Limits of a program with all of its processes, and the launcher under other users.

Every fork bomb here is bounded, so that a limit that does not work costs the machine little.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from goldenpath.processes.confinement import (
    NOBODY,
    Confinement,
    Sandbox,
    confine,
    interpreter_files,
)
from goldenpath.processes.sandbox.mounts import _version
from goldenpath.processes.sandbox.request import NAMESPACES
from tests.confined import confined

PYTHON = Path(sys.executable).resolve()
MACHINES = {"everything": confined(), "no namespaces": confined(frozenset(NAMESPACES))}
STAY = "\ntime.sleep(20)\n"
BOMB = "import os, time\nfor _ in range(8):\n  try: os.fork()\n  except OSError: break" + STAY
MANY = "import os, time\nfor _ in range(150):\n  if os.fork() == 0: break" + STAY
THREADS = (
    "import threading, time\n"
    "for _ in range(150): threading.Thread(target=time.sleep, args=(20,)).start()"
)
EACH_TAKES = (
    "import os, time\nfor _ in range(3):\n  if os.fork() == 0: break\n"
    "kept = b'x' * 60_000_000" + STAY
)
SHARED_BY_MAPPING = (
    "import mmap, os, time\nkept = mmap.mmap(-1, 200_000_000)\n"
    "for at in range(0, 200_000_000, 4096): kept[at] = 1" + STAY
)
SHARES_ONE = (
    "import os, time\nkept = b'x' * 100_000_000\nfor _ in range(3):\n"
    "  if os.fork() == 0: break\ntime.sleep(0.5)\n"
)


@pytest.fixture(params=sorted(MACHINES), scope="module")
def machine(request: pytest.FixtureRequest) -> Confinement:
    """A machine with everything, and one where the launcher adopts orphans."""
    measures: Confinement = MACHINES[request.param]
    return measures


def run(
    code: str, folder: Path, machine: Confinement, sandbox: Sandbox
) -> "subprocess.CompletedProcess[str]":
    allowed = replace(sandbox, readable=interpreter_files(PYTHON), writable=(folder,))
    command = machine.command([str(PYTHON), "-I", "-S", "-c", code], allowed, folder)
    return subprocess.run(command, env={}, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("code", [BOMB, MANY, THREADS], ids=["bomb", "many", "threads"])
def test_a_program_with_too_many_processes_or_threads_is_ended(
    code: str, machine: Confinement, tmp_path: Path
) -> None:
    marked = f"# {tmp_path}\n{code}"

    done = run(marked, tmp_path, machine, Sandbox(most_tasks=100))

    assert done.returncode == -9
    assert "it had more than 100 processes and threads" in done.stderr
    assert not alive(str(tmp_path))


@pytest.mark.parametrize("code", [EACH_TAKES, SHARED_BY_MAPPING], ids=["private", "shared"])
def test_a_program_whose_processes_hold_too_much_together_is_ended(
    code: str, machine: Confinement, tmp_path: Path
) -> None:
    done = run(code, tmp_path, machine, Sandbox(most_memory=150))

    assert done.returncode == -9
    assert "its processes held more than 150 MiB together" in done.stderr


def test_pages_that_processes_share_count_once(machine: Confinement, tmp_path: Path) -> None:
    done = run(SHARES_ONE, tmp_path, machine, Sandbox(most_memory=170))

    assert (done.returncode, done.stderr) == (0, "")


def test_a_program_within_its_limits_ends_as_it_does(machine: Confinement, tmp_path: Path) -> None:
    code = "import os, sys\nif os.fork() == 0: os._exit(0)\nos.wait()\nsys.exit(7)"

    done = run(code, tmp_path, machine, Sandbox(most_tasks=100, most_memory=500))

    assert (done.returncode, done.stderr) == (7, "")


@pytest.mark.parametrize(
    ("release", "version"),
    [("6.14.0-rc1", (6, 14)), ("6.9", (6, 9)), ("6.18.44-fc", (6, 18)), ("5-x", (0, 0)),
     ("", (0, 0)), ("strange", (0, 0))],
)  # fmt: skip
def test_the_limit_of_numbers_is_only_written_where_it_is_the_namespaces_own(
    release: str, version: tuple[int, int]
) -> None:
    assert _version(release) == version


def test_the_numbers_of_the_machine_stay_as_they_are(tmp_path: Path) -> None:
    setting = Path("/proc/sys/kernel/pid_max")
    before = setting.read_text()

    run("pass", tmp_path, MACHINES["everything"], Sandbox(most_tasks=100))

    assert setting.read_text() == before


SYSTEM_PYTHON = Path("/usr/bin/python3")
"""Our own interpreter may lie below a home that others cannot read."""
SOURCE = str(Path(__file__).parents[2] / "src")
_AS_USER = """
import json, subprocess, sys
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from goldenpath.processes.confinement import Sandbox, confine, interpreter_files
confinement, python = confine(changes_user=True), Path(sys.executable).resolve()
code = "import json, os; print(json.dumps([os.getuid(), os.listdir('.'), os.path.exists('/proc')]))"
sandbox = Sandbox(
    readable=interpreter_files(python), writable=(Path(sys.argv[1]),), most_tasks=50,
    changes_user=True,
)
command = confinement.command([str(python), "-I", "-S", "-c", code], sandbox, Path(sys.argv[1]))
done = subprocess.run(command, env={}, capture_output=True, text=True, timeout=60)
bomb = confinement.command([str(python), "-I", "-S", "-c", sys.argv[2]], sandbox, Path(sys.argv[1]))
ended = subprocess.run(bomb, env={}, capture_output=True, text=True, timeout=60)
print(json.dumps([confinement.measures, done.returncode, done.stdout, ended.returncode]))
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or not SYSTEM_PYTHON.exists(),
    reason="SKIPPED: needs root and an interpreter that every user can read",
)
@pytest.mark.parametrize("user", [0, 65534, 1_234_567], ids=["root", "nobody", "any"])
def test_the_launcher_works_for_every_user(user: int, tmp_path: Path) -> None:
    """Also for a user whom no file of the machine names, as in a container of a cluster."""
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "seen").touch()
        os.chown(name, user or NOBODY, user or NOBODY)
        done = as_user(user, name)

    assert done.returncode == 0, done.stderr
    measures, status, printed, ended = json.loads(done.stdout)
    assert measures == list(confine().measures)
    assert status == 0
    own, files, has_processes = json.loads(printed)
    assert own == (user or NOBODY)
    assert files == ["seen"] and has_processes is True
    assert ended != 0, "the limit of processes holds for every user"


def as_user(user: int, folder: str) -> "subprocess.CompletedProcess[str]":
    bomb = MANY.replace("150", "70")
    command = [str(SYSTEM_PYTHON), "-B", "-c", _AS_USER, folder, bomb, SOURCE]
    return subprocess.run(
        command, user=user, group=user, extra_groups=[], cwd="/", env={"PATH": os.defpath},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def alive(marker: str) -> bool:
    """Whether a process whose command has the marker lives on for a while."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if not any(marker.encode() in command(each) for each in Path("/proc").glob("[0-9]*")):
            return False
        time.sleep(0.05)
    return True


def command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""
