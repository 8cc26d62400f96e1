"""Programs of a build that start or hold too much, each bounded and in a sandbox of its own.

The launcher ends all processes of such a program, so no other attack can be beside it. How many
there are is counted from outside. Every bomb is bounded: if its limit does not work, it costs a
hundred processes that sleep for a few seconds.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from goldenpath.attacks.programs.confined_trial import descendants
from goldenpath.errors import Unavailable
from goldenpath.processes.confinement import Sandbox, confine, interpreter_files

TASKS, TOGETHER = BOMB_CONTROLS = ("number of processes", "memory of all processes")
_MOST_TASKS: Final = 40
_MOST_MEMORY: Final = 100
_LARGE: Final = 30 * 1024
"""KiB that one process of the attack on memory holds at least."""
_LOOKS, _PAUSE, _SECONDS = 3, 0.2, 20.0
"""It has succeeded if so many looks in a row show too much."""
_STAY = "\ntime.sleep(8)\n"


@dataclass(frozen=True, slots=True)
class ProcessBomb:
    """A program that wants more than it may have."""

    name: str
    control: str
    code: str
    is_too_much: Callable[[list[int]], bool]
    """Whether these processes are, or hold, more than the limit."""

    def refusal(self, without: frozenset[str]) -> str:
        """Return what ended the program; empty if nothing did."""
        return _ended(self, self.control in without)


@cache
def _ended(bomb: ProcessBomb, is_unlimited: bool) -> str:
    """Run a bomb once with its limit and once without: no other control changes anything."""
    python = Path(sys.executable).resolve()
    with TemporaryDirectory(prefix="gp-") as name:
        sandbox = Sandbox(
            readable=interpreter_files(python),
            writable=(Path(name),),
            most_tasks=_MOST_TASKS if bomb.control == TASKS and not is_unlimited else 0,
            most_memory=_MOST_MEMORY if bomb.control == TOGETHER and not is_unlimited else 0,
        )
        code = f"import os, threading, time\n{bomb.code}{_STAY}"
        command = confine().command([str(python), "-I", "-S", "-c", code], sandbox, Path(name))
        with subprocess.Popen(
            command, env={}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            try:
                return _watched(process, bomb)
            finally:
                process.kill()


def _watched(process: "subprocess.Popen[str]", bomb: ProcessBomb) -> str:
    looks, deadline = 0, time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            if process.stderr is None:
                raise TypeError("the program was started without pipes")
            return process.stderr.read().strip()[-300:] or f"it ended with {process.returncode}"
        looks = looks + 1 if bomb.is_too_much(list(descendants(process.pid).values())) else 0
        if looks == _LOOKS:
            return ""
        time.sleep(_PAUSE)
    raise Unavailable("a program that should start many processes did not come to its end")


def _tasks(processes: list[int]) -> bool:
    return sum(_threads(each) for each in processes) > _MOST_TASKS


def _threads(process: int) -> int:
    try:
        return len(list(Path(f"/proc/{process}/task").iterdir()))
    except OSError:
        return 0


def _memory(processes: list[int]) -> bool:
    return sum(size for each in processes for size in _sizes(each)) > _MOST_MEMORY * 1024


def _sizes(process: int) -> Iterator[int]:
    """Yield what a process holds beside what all of them share, in KiB, if that is much."""
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return
    words = text.partition("\nRssAnon:")[2].split()
    if words and int(words[0]) > _LARGE:
        yield int(words[0])


BOMBS = (
    ProcessBomb("a training forks and forks again", TASKS,
        "for _ in range(6):\n  try: os.fork()\n  except OSError: break", _tasks),
    ProcessBomb("a training starts a process after the other", TASKS,
        "for _ in range(60):\n  if os.fork() == 0: break", _tasks),
    ProcessBomb("a training starts processes in sessions of their own", TASKS,
        "for _ in range(60):\n  if os.fork() == 0:\n    os.setsid()\n    break", _tasks),
    ProcessBomb("a training starts many threads", TASKS,
        "for _ in range(60): threading.Thread(target=time.sleep, args=(8,)).start()", _tasks),
    ProcessBomb("processes of a training hold little each and too much together", TOGETHER,
        "for _ in range(3):\n  if os.fork() == 0: break\nkept = b'x' * 40_000_000", _memory),
)  # fmt: skip
