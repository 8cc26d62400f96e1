"""One machine that follows git: the supervising process behind `goldenpath up`.

Everything it starts is its child and ends with it, whatever ends it. The next one starts clean.
"""

import contextlib
import fcntl
import json
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Generic, TypeVar

from goldenpath.canonical import JsonValue, parse_object
from goldenpath.errors import GoldenPathError, InvalidInput, Unavailable
from goldenpath.reconcile.loop import Reconciler, summary
from goldenpath.reconcile.status import Fault as StatusFault
from goldenpath.reconcile.status import Status, judge, since_before, write_status
from goldenpath.targets.local import LocalTarget

Observed = TypeVar("Observed")
"""What may stand in the audit log; the log itself is above this package."""

LOOK_EVERY = timedelta(seconds=1)
STATUS_EVERY = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Supervisor:
    """The process that runs this machine: its id, and when it started in ticks of the kernel."""

    process: int
    started: int

    def is_alive(self) -> bool:
        """Whether that very process still runs, and not another one with its number."""
        return started_at(self.process) == self.started


@contextmanager
def alone(run: Path) -> Iterator[None]:
    """Holds the machine's lock. Raises `InvalidInput` if another supervisor runs."""
    run.mkdir(parents=True, exist_ok=True)
    with (run / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InvalidInput(
                f"goldenpath up already runs for {run.parent}",
                hint="stop it with goldenpath down, or look at it with goldenpath status",
            ) from error
        me = os.getpid()
        record = run / "up.json"
        partial = record.with_name(f"up.json.{me}.new")
        partial.write_text(json.dumps({"process": me, "started": started_at(me)}))
        partial.replace(record)
        try:
            yield
        finally:
            record.unlink(missing_ok=True)


def supervisor(run: Path) -> Supervisor | None:
    """The supervisor of this machine; None if there is none."""
    try:
        value = parse_object((run / "up.json").read_bytes(), "up.json")
    except FileNotFoundError:
        return None
    process, started = value.get("process"), value.get("started")
    if not isinstance(process, int) or not isinstance(started, int):
        raise InvalidInput(f"{run / 'up.json'} needs the numbers process and started")
    found = Supervisor(process, started)
    return found if found.is_alive() else None


def is_held(run: Path) -> bool:
    """Whether some process holds the machine's lock."""
    try:
        with (run / "up.lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def started_at(process: int) -> int | None:
    """When a process started, in ticks since the machine did; None if it does not run."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses may hold anything, so fields are counted from behind it.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


class Machine(Generic[Observed]):
    """Runs the reconcile loop over the local target, until told to stop."""

    def __init__(
        self,
        run: Path,
        target: LocalTarget,
        reconciler: Reconciler,
        *,
        say: Callable[[str], None],
        now: Callable[[], datetime],
        record: Callable[[Observed], None],
    ) -> None:
        self._run = run
        self._target = target
        self._reconciler = reconciler
        self._say = say
        self._now = now
        self._record = record
        self._pending: deque[Observed] = deque()
        self._log_fault = ""
        self._status: Status | None = None
        self._looked = self._written = now() - STATUS_EVERY
        self._said: Mapping[str, str] = {}
        self._stop = False
        self._woken = True

    def happened(self, what: Observed) -> None:
        """Puts something into the audit log; if that cannot be written now, then as soon as it can.

        Order is kept. What is still in the queue when the process is killed is observed anew by
        the next one.
        """
        self._pending.append(what)
        self._flush()

    def serve(self, *, once: bool) -> Status:
        """Works until a signal says stop or, with `once`, until nothing is on its way."""
        with self._signals() as wakened:
            try:
                while not self._stop:
                    status = self._step()
                    if once and status.is_settled:
                        break
                    self._target.wait(0.5, [wakened])
                    self._woken = self._drain(wakened) or self._woken
            finally:
                self._say("stopping: answering what came, then ending every server")
                self._target.close()
                self._flush()
        return self._step_status()

    def _step_status(self) -> Status:
        assert self._status is not None  # noqa: S101 - `serve` made at least one step
        return self._status

    def _step(self) -> Status:
        now = self._now()
        look = self._woken or self._looked + LOOK_EVERY <= now
        if look:
            self._looked = now
            self._woken = False
        self._flush()
        status = self._complete(self._reconciler.step(now, look=look), now)
        changed = self._status is None or replace(status, time="", tallies=None) != replace(
            self._status, time="", tallies=None
        )
        self._status = status
        if changed or now - self._written >= STATUS_EVERY:
            write_status(status, self._run / "status.json")
            self._written = now
        self._tell(status)
        self._refuse_taken_port(status)
        return status

    def _complete(self, status: Status, now: datetime) -> Status:
        conditions = status.conditions
        fault = self._target.gateway_fault or self._log_fault
        if fault and all(each.holds == (each.type == "Ready") for each in conditions):
            reason = "GatewayFailed" if self._target.gateway_fault else "AuditLogUnavailable"
            conditions = judge(False, StatusFault(reason, fault, False), "", now.isoformat())
        full = replace(
            status,
            process=os.getpid(),
            gateway=self._target.address,
            conditions=conditions,
            tallies=_numbers(self._target.tallies),
        )
        return since_before(full, self._status)

    def _refuse_taken_port(self, status: Status) -> None:
        """A gateway that never came up is the user's to solve; later it is only tried again."""
        if not status.gateway and self._target.gateway_fault:
            raise Unavailable(
                self._target.gateway_fault,
                hint="stop the program that uses the port, or choose another with --listen",
            )

    def _tell(self, status: Status) -> None:
        lines = {each.name: summary(each) for each in status.deployments}
        if status.gateway:
            lines["gateway"] = f"gateway: http://{status.gateway}"
        for each in status.conditions:
            if each.holds and each.type != "Ready" and each.message:
                lines["machine"] = f"machine: {each.reason}: {each.message}"
        for name, line in lines.items():
            if self._said.get(name) != line:
                self._say(line)
        for name in self._said.keys() - lines.keys():
            self._say(f"{name}: gone" if name != "machine" else "machine: all is well again")
        self._said = lines

    def _flush(self) -> None:
        while self._pending:
            try:
                self._record(self._pending[0])
            except GoldenPathError as error:
                self._log_fault = error.message
                return
            self._pending.popleft()
        self._log_fault = ""

    @contextmanager
    def _signals(self) -> Iterator[int]:
        """A descriptor that becomes readable with each signal, so that no wait is missed."""
        read, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

        def stop(number: int, frame: object) -> None:
            self._stop = True

        def wake(number: int, frame: object) -> None:
            self._woken = True

        handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: wake}
        before = {number: signal.signal(number, each) for number, each in handlers.items()}
        descriptor = signal.set_wakeup_fd(write)
        try:
            yield read
        finally:
            signal.set_wakeup_fd(descriptor)
            for number, each in before.items():
                signal.signal(number, each)
            os.close(read)
            os.close(write)

    def _drain(self, descriptor: int) -> bool:
        with contextlib.suppress(BlockingIOError):
            os.read(descriptor, 1024)
            return True
        return False


def _numbers(tallies: Mapping[str, JsonValue]) -> dict[str, dict[str, int]]:
    """The plain counts of each slot."""
    return {
        name: {key: value for key, value in tally.items() if isinstance(value, int)}
        for name, tally in tallies.items()
        if isinstance(tally, dict)
    }
