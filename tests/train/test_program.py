"""A program of the project leaves no process behind, whether it or the build ends first."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.train import steps
from goldenpath.train.program import ProgramResult, run

# Starts a child process, writes its id to a file, and ends unless more code follows.
PARENT = (
    "import pathlib, subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "pathlib.Path('child').write_text(str(child.pid))\n"
)


def _run(folder: Path, code: str, limit: float = 60.0) -> ProgramResult:
    return run(
        [sys.executable, "-c", code],
        folder=folder,
        environment={"PATH": os.environ["PATH"]},
        log=folder / "log",
        limit=limit,
        cancelled=threading.Event(),
    )


def _is_gone(process: int) -> bool:
    """Return whether the process ends within ten seconds. A zombie counts as ended."""
    for _ in range(500):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_the_end_of_its_output_is_returned(tmp_path: Path) -> None:
    result = _run(tmp_path, "import sys; print('half'); sys.exit('way')")

    assert (result.status, sorted(result.tail.split())) == (1, ["half", "way"])


def test_the_time_limit_kills_the_whole_process_group(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="killed after its time limit"):
        _run(tmp_path, PARENT + "time.sleep(600)", limit=2)

    assert _is_gone(int((tmp_path / "child").read_text()))


def test_a_process_that_it_left_running_is_killed(tmp_path: Path) -> None:
    assert _run(tmp_path, PARENT).status == 0

    assert _is_gone(int((tmp_path / "child").read_text()))


def test_a_program_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be started"):
        run(
            [str(tmp_path / "absent")],
            folder=tmp_path,
            environment={},
            log=tmp_path / "log",
            limit=1,
            cancelled=threading.Event(),
        )


def test_the_training_ends_when_the_build_is_killed(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import os, time\n"
        "def train(data, output, parameters, seed):\n"
        "    (output / 'pid').write_text(str(os.getpid()))\n"
        "    time.sleep(600)\n"
    )
    request = (
        f'{{"source": "{tmp_path}", "entry": "slow:train", "data": {{}}, "output": "{tmp_path}", '
        f'"note": "{tmp_path}/note", "parameters": {{}}, "seed": 1}}\\n'
    )
    build = (
        "import pathlib, threading\n"
        "from goldenpath.train.program import run\n"
        f"run([{sys.executable!r}, '-P', '-s', {str(steps.RUNNER)!r}], "
        f"folder=pathlib.Path({str(tmp_path)!r}), environment={{}}, "
        f"log=pathlib.Path({str(tmp_path / 'log')!r}), limit=600, "
        f"cancelled=threading.Event(), request={request!r}.replace('\\\\n', chr(10)).encode())\n"
    )
    builder = subprocess.Popen([sys.executable, "-c", build])
    started = tmp_path / "pid"
    while not (started.is_file() and started.read_text()):
        assert builder.poll() is None, (tmp_path / "log").read_text()
        time.sleep(0.02)

    builder.send_signal(signal.SIGKILL)
    builder.wait()

    assert _is_gone(int(started.read_text()))
