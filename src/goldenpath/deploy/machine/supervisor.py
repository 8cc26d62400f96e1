"""The supervising process of a machine: its lock, its record, how it starts and ends."""

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from goldenpath.deploy.reconcile.status import Status, read_status
from goldenpath.errors import AlreadyDone, InvalidInput, Unavailable
from goldenpath.files import publish, take_lock
from goldenpath.parsers.typed import read_typed
from goldenpath.processes.tool import start_in_background

START_SECONDS = 300.0
"""More than twice as long as one server may take, since releases are verified before it starts."""
STOP_SECONDS = 60.0
_NAP = 0.05


@dataclass(frozen=True, slots=True)
class Supervisor:
    """The supervising process: its id, and its start time in clock ticks since boot."""

    process: int
    started: int

    def is_alive(self) -> bool:
        """Tell whether this very process still runs, and not another one with its number."""
        return started_at(self.process) == self.started


@contextmanager
def alone(run: Path) -> Iterator[None]:
    """Hold the lock of the machine. Raises `InvalidInput` if another supervisor runs."""
    run.mkdir(parents=True, exist_ok=True)
    with (run / "up.lock").open("a+") as lock:
        if not take_lock(lock, wait=False):
            raise InvalidInput(
                f"goldenpath up already runs for {run.parent}",
                hint="stop it with goldenpath down, or look at it with goldenpath status",
            )
        me = os.getpid()
        record = run / "up.json"
        try:
            publish(record, json.dumps({"process": me, "started": started_at(me)}).encode())
        except OSError as error:
            raise Unavailable(
                f"{record} cannot be written: {error.strerror}",
                hint="free space on its disk, then run goldenpath up again",
            ) from error
        try:
            yield
        finally:
            record.unlink(missing_ok=True)


def supervisor(run: Path) -> Supervisor | None:
    """Return the supervisor of this machine; None if there is none."""
    try:
        record = read_typed(
            run / "up.json", Supervisor, hint="end goldenpath up by Ctrl-C or kill; start it again"
        )
    except FileNotFoundError:
        return None
    return record if record.is_alive() else None


def is_held(run: Path) -> bool:
    """Tell whether a process holds the lock of the machine."""
    try:
        # For reading only, so that a copy of a home that may not be written can be asked too.
        with (run / "up.lock").open("rb") as lock:
            return not take_lock(lock, wait=False)
    except FileNotFoundError:
        return False


def started_at(process: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None if it does not run."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses may contain any character, so fields are counted after it.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def start_detached(run: Path, command: Sequence[str], environment: Mapping[str, str]) -> Status:
    """Start a supervisor in a session of its own; return once nothing is in progress.

    Raises `Unavailable` with its last output if it ends instead.
    """
    if is_held(run):
        raise AlreadyDone(f"goldenpath up already runs for {run.parent}: nothing to do")
    (run / "logs").mkdir(parents=True, exist_ok=True)
    log = run / "logs" / "up.log"
    started = start_in_background(command, environment, log)
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up:
        if started.poll() is not None:
            lines = log.read_text(errors="replace").strip().splitlines()
            errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
            reason = (errors or lines or ["its log is empty"])[-1]
            raise Unavailable(f"goldenpath up ended: {reason}", hint=f"see {log}")
        status = read_status(run / "status.json")
        if status is not None and status.process == started.pid and status.is_settled:
            return status
        time.sleep(_NAP)
    raise Unavailable(
        f"goldenpath up runs, but not all was ready after {START_SECONDS:g} s: {_waited_for(run)}",
        hint="goldenpath status says when it is; it goes on by itself",
    )


def _waited_for(run: Path) -> str:
    """Return what was still in progress, and why."""
    status = read_status(run / "status.json")
    if status is None:
        return "it published no status"
    waiting = [
        f"{each.name}: {condition.message}"
        for each in status.deployments
        for condition in each.conditions
        if condition.holds and condition.type == "Reconciling"
    ]
    waiting += [
        each.message for each in status.conditions if each.holds and each.type == "Reconciling"
    ]
    return "; ".join(waiting) or "the gateway has no address yet"


def stop_supervisor(run: Path) -> bool:
    """Ask the supervisor to end and wait until it has; return False if there is none."""
    running = supervisor(run)
    if running is None:
        return False
    os.kill(running.process, signal.SIGTERM)
    give_up = time.monotonic() + STOP_SECONDS
    while running.is_alive():
        if time.monotonic() > give_up:
            raise Unavailable(
                f"goldenpath up, process {running.process}, did not end in {STOP_SECONDS:g} s",
                hint="look at the logs in the run folder of the home",
            )
        time.sleep(_NAP)
    return True
