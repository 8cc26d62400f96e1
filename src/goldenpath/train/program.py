"""Runs a program of the project: in a session of its own, with a log, a limit and no leftovers."""

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
"""Seconds between two looks at whether the build was given up."""
_TAIL = 2000
"""Characters of a log that an error shows."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended."""

    status: int
    seconds: float
    tail: str
    """The last lines of what it said."""


def run(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    limit: float,
    given_up: threading.Event,
    request: bytes = b"",
) -> Ended:
    """Runs the program to its end; its standard input stays open after `request` until then.

    Raises `InvalidInput` if it runs longer than `limit` seconds, and `Unavailable` if it cannot be
    started or the build is given up. Whatever happens, no process of its group is left behind.
    """
    started = time.monotonic()
    with log.open("wb") as said:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise Unavailable(f"{command[0]} cannot be started: {error.strerror}") from error
        try:
            _ask(process, request)
            status = _wait(process, started + limit, given_up)
        finally:
            _end(process)
    seconds = time.monotonic() - started
    if status is None:
        raise InvalidInput(
            f"{Path(command[0]).name} was ended after the limit of {limit:g} seconds; it last "
            f"said:\n{tail(log)}",
            hint="raise training.time_limit, or train on less",
        )
    return Ended(status, seconds, tail(log))


def tail(log: Path) -> str:
    """The last lines of a log, at most `_TAIL` characters."""
    with log.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(file.tell() - _TAIL, 0))
        return file.read().decode("utf-8", "replace").strip()


def _ask(process: "subprocess.Popen[bytes]", request: bytes) -> None:
    if process.stdin is None:
        raise TypeError("the program was started without a pipe")
    try:
        process.stdin.write(request)
        process.stdin.flush()
    except BrokenPipeError:
        return  # It ended before it read; its status says why.


def _wait(
    process: "subprocess.Popen[bytes]", deadline: float, given_up: threading.Event
) -> int | None:
    while time.monotonic() < deadline:
        if given_up.is_set():
            raise Unavailable("the build was given up")
        try:
            return process.wait(_TURN)
        except subprocess.TimeoutExpired:
            continue
    return None


def _end(process: "subprocess.Popen[bytes]") -> None:
    # Also after an orderly end: what the program started in the background must not stay.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()
