"""The supervising process of a machine: its record, how it starts in the background and ends."""

import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from goldenpath.deploy.reconcile.status import Status, read_status
from goldenpath.errors import AlreadyDone, Unavailable
from goldenpath.files import take_lock
from goldenpath.parsers.typed import read_typed
from goldenpath.processes.tool import start_in_background
from goldenpath.version import __version__

START_SECONDS = 300.0
"""More than twice as long as one server may take, since releases are verified before it starts."""
STOP_SECONDS = 60.0
_NAP = 0.05


@dataclass(frozen=True, slots=True)
class Supervisor:
    """The supervising process: its id, and its start time in clock ticks since boot."""

    process: int
    started: int
    version: str = ""
    """That of its package; another one is a reason to take over."""

    def is_alive(self) -> bool:
        """Tell whether this very process still runs, and not another one with its number."""
        return started_at(self.process) == self.started


class Signals:
    """The signals to a supervisor: SIGTERM and SIGINT to stop, SIGHUP to look at git now."""

    def __init__(self) -> None:
        self.stop = False
        self._woken = False
        self._readable = -1

    def take_wake(self) -> bool:
        """Return whether it was to look at git since the last call."""
        if self._readable >= 0:
            with suppress(BlockingIOError):
                os.read(self._readable, 1024)
        woken, self._woken = self._woken, False
        return woken

    @contextmanager
    def heard(self) -> Iterator[int]:
        """Yield a descriptor that becomes readable with each signal, so that none is missed."""
        self._readable, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

        def stop(number: int, frame: object) -> None:
            self.stop = True

        def wake(number: int, frame: object) -> None:
            self._woken = True

        handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: wake}
        before = {number: signal.signal(number, each) for number, each in handlers.items()}
        descriptor = signal.set_wakeup_fd(write)
        try:
            yield self._readable
        finally:
            signal.set_wakeup_fd(descriptor)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self._readable)
            os.close(write)
            self._readable = -1


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


def start_detached(
    run: Path, command: Sequence[str], environment: Mapping[str, str], *, replaces: bool
) -> Status:
    """Start a supervisor in a session of its own; return once nothing is in progress.

    One that `replaces`, or that is of another version, takes over from one that runs. Raises
    `Unavailable` with its last output if it ends instead.
    """
    if is_held(run) and not replaces and not _is_of_another_version(run):
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


def _is_of_another_version(run: Path) -> bool:
    running = supervisor(run)
    return running is not None and running.version != __version__


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
