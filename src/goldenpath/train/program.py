"""Runs a confined program of the project in its own session, with a log and a time limit.

When it ends, everything that it started is killed: by the launcher, which runs it, and then by its
process group.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from goldenpath.errors import InvalidInput, Unavailable

_TURN = 0.05
"""Seconds between two checks whether the build was cancelled."""
_LONGEST_END = 10.0
"""Seconds that the launcher may take to kill everything, before it is killed itself."""
_TAIL = 2000
"""Bytes of a log that an error message shows."""


@dataclass(frozen=True, slots=True)
class ProgramResult:
    """The result of a program."""

    status: int
    """Exit status; minus the signal's number if a signal ended it."""
    seconds: float
    tail: str
    """The end of its output."""


def run(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    limit: float,
    cancelled: threading.Event,
    request: bytes = b"",
) -> ProgramResult:
    """Run a program to its end. `request` is written to its standard input, which stays open.

    Raises `InvalidInput` if it runs longer than `limit` seconds, and `Unavailable` if it cannot be
    started or the build is cancelled. In every case all processes of its group are killed.
    """
    started = time.monotonic()
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise Unavailable(f"{command[0]} cannot be started: {error.strerror}") from error
        try:
            _send(process, request)
            status = _wait(process, started + limit, cancelled)
        finally:
            end(process)
    seconds = time.monotonic() - started
    if status is None:
        raise InvalidInput(
            f"{Path(command[0]).name} was killed after its time limit of {limit:g} seconds; the "
            f"last lines of its log:\n{tail(log)}",
            hint="raise training.time_limit, or train on less data",
        )
    return ProgramResult(status, seconds, tail(log))


def tail(log: Path) -> str:
    """Return the end of a log, at most `_TAIL` bytes."""
    with log.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(file.tell() - _TAIL, 0))
        return file.read().decode("utf-8", "replace").strip()


def _send(process: "subprocess.Popen[bytes]", request: bytes) -> None:
    if process.stdin is None:
        raise TypeError("the program was started without a pipe")
    try:
        process.stdin.write(request)
        process.stdin.flush()
    except BrokenPipeError:
        return  # it ended before it read; its exit status explains why


def _wait(
    process: "subprocess.Popen[bytes]", deadline: float, cancelled: threading.Event
) -> int | None:
    while time.monotonic() < deadline:
        if cancelled.is_set():
            raise Unavailable("the build was cancelled")
        try:
            return process.wait(_TURN)
        except subprocess.TimeoutExpired:
            continue
    return None


def end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a confined program with everything that it started, and close its standard input."""
    if process.poll() is None:
        # The launcher kills everything that the program started, and ends when that is done.
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LONGEST_END)
    # Also after a regular end: the program may have started others in the background.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()
