"""A sidecar says why it does not do its work, and for as long as it does not."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from goldenpath.processes.sidecar import Sidecar


def sidecar(folder: Path, script: str) -> Sidecar:
    """A child that runs this script."""
    environment = {"PATH": os.environ["PATH"]}
    command = (sys.executable, "-I", "-S", "-c", script)
    return Sidecar("observer", command, environment, folder / "log", launch=dict)


def until(child: Sidecar, holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < give_up, child.fault
        list(child.tick(time.monotonic()))
        time.sleep(0.01)


def test_one_that_says_it_is_stuck_has_a_fault_until_it_says_otherwise(tmp_path: Path) -> None:
    says = 'print(\'{"event": "ready"}\\n{"event": "stuck", "message": "no room"}\', flush=True)'
    child = sidecar(tmp_path, f"{says}\ninput()\ninput()")
    until(child, lambda: child.fault == "no room")
    assert child.is_ready

    assert child.child is not None
    child.child.kill()
    until(child, lambda: child.fault.startswith("observer ended"))
    child.end(time.monotonic)


def test_one_that_ends_at_each_start_has_a_fault_all_the_time(tmp_path: Path) -> None:
    child = sidecar(tmp_path, "import sys; sys.exit('the file is torn')")
    until(child, lambda: bool(child.fault))
    assert child.fault == "observer ended: the file is torn"

    until(child, lambda: child.starts == 2)

    assert "torn" in child.fault
    child.end(time.monotonic)


def test_a_program_that_cannot_be_started_is_tried_again_later(tmp_path: Path) -> None:
    child = Sidecar("grpc", (str(tmp_path / "gone"),), {}, tmp_path / "log", launch=dict)

    assert list(child.tick(0.0)) == []

    assert "cannot be started" in child.fault
    assert child.child is None


def test_the_message_about_a_crash_is_that_of_the_last_run(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys\n"
        f"file = pathlib.Path({str(tmp_path / 'runs')!r})\n"
        "runs = file.read_text() + 'x' if file.exists() else 'x'\n"
        "file.write_text(runs)\n"
        'print(\'{"event": "failed", "message": "run %d"}\' % len(runs), flush=True)\n'
        "sys.exit(1)\n"
    )
    child = sidecar(tmp_path, script)

    until(child, lambda: child.fault == "run 1")
    until(child, lambda: child.fault == "run 2")
    child.end(time.monotonic)
