"""Who runs a machine: the lock of the supervisor, and how a second one takes its place.

A second `goldenpath up` starts its servers beside the first one. Once it answers for whatever the
first one answers for, its gateway gets the listener of the first gateway. Then the first one is
asked to end. If the second one fails before that, the first one goes on as if nothing was.
"""

import json
import os
import signal
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import IO, Protocol

from goldenpath.deploy.machine.supervisor import Supervisor, started_at, supervisor
from goldenpath.deploy.reconcile.status import Status, read_status
from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.files import publish, take_lock
from goldenpath.version import __version__

PROGRESS_SECONDS = 120.0
"""Without progress for so long, the second supervisor gives up."""
_SECONDS_TO_RECORD = 1.0
"""How long a supervisor may have the lock before it is on record."""
_NAP = 0.05
LONGEST_SOCKET = 100
"""Longest path of a socket in bytes; the kernel allows 107."""


class Phase(Enum):
    """A step of taking over; HELD is the only one where there was nobody to take over from."""

    PREPARING = "starts servers, and listens nowhere"
    LISTENING = "the gateway listens too"
    ASKED = "the other supervisor was asked to end"
    HELD = "holds the lock"


class Serving(Protocol):
    """What the second supervisor runs meanwhile."""

    @property
    def is_listening(self) -> bool:
        """Whether every listener for callers is open."""

    def answering(self) -> Collection[str]:
        """Return the deployments that some server answers for, or that sleep."""

    def is_complete(self, name: str) -> bool:
        """Return whether every server of a deployment is ready."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a supervisor may do now."""

    may_listen: bool = True
    predecessor: str = ""
    """The socket on which the gateway of the other supervisor hands over; empty: there is none."""
    is_held: bool = True
    """Whether it alone writes status and events, and runs what there may be only once."""


class Tenure:
    """The lock of a machine, or the way to it.

    PREPARING becomes LISTENING once everything answers here that answers there, LISTENING becomes
    ASKED once the listeners are open, and each becomes HELD when the other one has ended, asked or
    not.
    """

    def __init__(
        self, run: Path, lock: IO[str], other: Supervisor | None, *, second: IO[str]
    ) -> None:
        """`second` is locked while this supervisor takes over from `other`."""
        self._run = run
        self._lock = lock
        self._second = second
        self._other = other
        self._phase = Phase.PREPARING if other else Phase.HELD
        self._is_on_record = False
        self._lacking: Mapping[str, str] = {}
        self._progress: float | None = None
        """When it last came closer, in monotonic seconds."""

    @property
    def standing(self) -> Standing:
        """What this supervisor may do now."""
        if self._phase is Phase.HELD or self._other is None:
            return Standing()
        other = handover_socket(self._run, self._other.process)
        return Standing(self._phase is not Phase.PREPARING, other, is_held=False)

    def advance(self, now: float, serving: Serving, declared: Collection[str] | None) -> str:
        """Take the next step towards the lock, and return a line about it; empty for no news.

        `declared` are the deployments of git; None while git was not read. Raises `Unavailable`
        once it is known that this supervisor cannot take the place of the other one.
        """
        if self._take():
            return "" if self._phase is Phase.HELD else self._enter(Phase.HELD, "took over")
        if self._phase is Phase.PREPARING:
            lacking = self._lacking_now(serving, declared)
            if not lacking:
                self._progress = now
                return self._enter(Phase.LISTENING, "everything answers here too")
            self._expect_progress(now, lacking)
        elif self._phase is Phase.LISTENING:
            if serving.is_listening:
                self._ask_to_end()
                return self._enter(Phase.ASKED, f"asked process {self._process} to end")
            self._expect_progress(now, {"gateway": "does not listen yet"})
        return ""

    def leave(self) -> None:
        """Take the record of this supervisor away."""
        if self._is_on_record:
            (self._run / "up.json").unlink(missing_ok=True)

    def put_on_record(self) -> None:
        """Say which process runs this machine. Raises `OSError`."""
        me = os.getpid()
        record = {"process": me, "started": started_at(me), "version": __version__}
        publish(self._run / "up.json", json.dumps(record).encode())
        self._is_on_record = True

    @property
    def _process(self) -> int:
        return self._other.process if self._other else 0

    def _take(self) -> bool:
        """Take the lock if it is free, and return whether this supervisor has it."""
        if self._phase is not Phase.HELD and not take_lock(self._lock, wait=False):
            return False
        if not self._is_on_record:
            # Serving goes on while the disk is full; this is tried again.
            with suppress(OSError):
                self.put_on_record()
        return True

    def _enter(self, phase: Phase, news: str) -> str:
        self._phase = phase
        if phase is Phase.HELD:
            # The next one may take over from this supervisor.
            self._second.close()
        return news

    def _lacking_now(self, serving: Serving, declared: Collection[str] | None) -> Mapping[str, str]:
        """Return what answers there and not here, with the reason."""
        try:
            status = read_status(self._run / "status.json")
        except InvalidInput as error:
            return {"its status": error.message}
        if status is None or status.process != self._process or declared is None:
            return {"git" if declared is None else "its status": "is not read yet"}
        answering, whole = serving.answering(), _ready(status)
        return {
            name: "does not answer here"
            for name in status.answering
            if name in declared
            and (name not in answering or (name in whole and not serving.is_complete(name)))
        }

    def _expect_progress(self, now: float, lacking: Mapping[str, str]) -> None:
        if self._progress is None or len(lacking) < len(self._lacking):
            self._progress = now
        self._lacking = lacking
        if now - self._progress > PROGRESS_SECONDS:
            name, why = next(iter(lacking.items()))
            raise Unavailable(
                f"{name} {why}, so process {self._process} goes on",
                hint="mend that, or run goldenpath down first: then requests are refused meanwhile",
            )

    def _ask_to_end(self) -> None:
        if self._other is not None and self._other.is_alive():
            with suppress(ProcessLookupError):
                os.kill(self._other.process, signal.SIGTERM)


@contextmanager
def tenure(run: Path, *, takes_over: bool) -> Iterator[Tenure]:
    """Hold the lock of the machine, or be on the way to it.

    Raises `InvalidInput` if another supervisor runs that cannot be taken over from.
    """
    run.mkdir(parents=True, exist_ok=True)
    with (run / "up.lock").open("a+") as lock, (run / "takeover.lock").open("a+") as second:
        other = _holder(run, lock, takes_over=takes_over)
        # Of two that take over at once, one would wait for a supervisor that has gone.
        if other is not None and not take_lock(second, wait=False):
            raise InvalidInput(f"another goldenpath up takes over {run.parent} now")
        place = Tenure(run, lock, other, second=second)
        try:
            if other is None:
                place.put_on_record()
        except OSError as error:
            raise Unavailable(
                f"{run / 'up.json'} cannot be written: {error.strerror}",
                hint="free space on its disk, then run goldenpath up again",
            ) from error
        try:
            yield place
        finally:
            place.leave()


def _holder(run: Path, lock: IO[str], *, takes_over: bool) -> Supervisor | None:
    """Return the supervisor that holds the lock; None once this one does.

    Raises `InvalidInput` if it hands nothing over.
    """
    give_up = time.monotonic() + _SECONDS_TO_RECORD
    while not take_lock(lock, wait=False):
        other = supervisor(run)
        if other is not None or time.monotonic() > give_up:
            return _checked(run, other, takes_over=takes_over)
        # It has just begun, or it has just ended.
        time.sleep(_NAP)
    return None


def _checked(run: Path, other: Supervisor | None, *, takes_over: bool) -> Supervisor:
    path = handover_socket(run, other.process) if other else ""
    if other is None or not takes_over or not path or not Path(path).exists():
        raise InvalidInput(
            f"goldenpath up already runs for {run.parent}",
            hint="stop it with goldenpath down, or look at it with goldenpath status",
        )
    return other


def handover_socket(run: Path, process: int) -> str:
    """Return where the gateway of a supervisor hands its listener over; empty: nowhere."""
    path = (run / "sockets" / f"handover-{process}.sock").absolute()
    return str(path) if len(str(path)) <= LONGEST_SOCKET else ""


def _ready(status: Status) -> frozenset[str]:
    return frozenset(
        each.name
        for each in status.deployments
        if any(condition.type == "Ready" and condition.holds for condition in each.conditions)
    )
