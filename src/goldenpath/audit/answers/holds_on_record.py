"""Holds compared with the audit log: a hold whose file was removed or bent still counts.

Whoever may write to the home could remove the file of a hold, and then erase. The event that it was
placed stays.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from goldenpath.audit.events.chain import parse_link
from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.audit.events.event_tail import lines_after
from goldenpath.deploy.machine.observations import Warned
from goldenpath.deploy.reconcile.status import Status
from goldenpath.errors import GoldenPathError, VerificationError
from goldenpath.home import Home
from goldenpath.observe.log.keeping.legal_hold import NEEDED, LegalHold, read_holds
from goldenpath.times import ElapsedTime

_EVERY = timedelta(seconds=10)
_MARK = b'"hold.'
"""In every line about a hold, so that the other lines need not be parsed."""


def require_holds_on_record(home: Home) -> tuple[LegalHold, ...]:
    """Return all holds.

    Raises `VerificationError` if one differs from the audit log, or if that is damaged: it could
    then not be found out what is kept.
    """
    holds = read_holds(home)
    for fault in hold_faults(holds, EventLog(home.events).read()):
        raise VerificationError(
            fault, hint="restore the file from a backup; nothing is erased or expires until then"
        )
    return holds


@dataclass(slots=True)
class HoldEvents:
    """What the audit log says about holds."""

    placed: dict[str, str] = field(default_factory=dict)
    """When each case was placed."""
    lifted: dict[str, set[str]] = field(default_factory=dict)
    """Who lifted each case."""

    def add(self, event: Event) -> None:
        """Take one event. Those about other things say nothing."""
        case = str((event.details or {}).get("case", ""))
        if event.kind == "hold.placed":
            self.placed[case] = event.time
        elif event.kind == "hold.lifted":
            self.lifted.setdefault(case, set()).add(event.actor)

    @property
    def in_force(self) -> tuple[str, ...]:
        """The cases that too few people have lifted."""
        return tuple(case for case in sorted(self.placed) if self._lifts(case) < NEEDED)

    def faults(self, holds: Iterable[LegalHold]) -> list[str]:
        """Return how holds differ from these events, one sentence each."""
        known = {hold.case: hold for hold in holds}
        faults = [
            f"the file of hold {case} is gone: it was placed at {time}"
            for case, time in self.placed.items()
            if case not in known
        ]
        return faults + [
            f"hold {case} was lifted by {self._lifts(case)} people, by the audit log: "
            f"expected {NEEDED}"
            for case, hold in known.items()
            if not hold.is_in_force and self._lifts(case) < NEEDED
        ]

    def _lifts(self, case: str) -> int:
        return len(self.lifted.get(case, ()))


def hold_faults(holds: Iterable[LegalHold], events: Iterable[Event]) -> list[str]:
    """Return how holds differ from the events about them, one sentence each."""
    named = HoldEvents()
    for event in events:
        named.add(event)
    return named.faults(holds)


def faults_of_holds(home: Home, events: HoldEvents) -> list[str]:
    """Return how the holds of a home differ from the events about them.

    A file that cannot be read is a fault too.
    """
    try:
        return events.faults(read_holds(home))
    except GoldenPathError as error:
        return [f"what is kept by holds cannot be found out: {error.message}"]


class HoldWatch:
    """Compares holds with the audit log while the platform runs, and raises an alarm.

    It reads the audit log further each time. The chain of the log is checked by others.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._events = HoldEvents()
        self._position = ("", 0)
        self._elapsed = ElapsedTime()
        self._next = 0.0
        """When it looks again, in seconds that passed."""
        self._found: tuple[Warned, ...] = ()
        self.in_force: tuple[str, ...] | None = None
        """The cases that keep records, by the audit log; None before the first look."""

    def __call__(self, status: Status) -> tuple[Warned, ...]:
        """Return the alarms that are due."""
        at = self._elapsed.at(datetime.fromisoformat(status.time))
        if self.in_force is None or self._next <= at:
            self._next = at + _EVERY.total_seconds()
            self._look()
        return self._found

    def _look(self) -> None:
        try:
            for line, position in lines_after(self._home.events, self._position):
                self._position = position
                if _MARK in line:
                    self._events.add(parse_link(line).event)
        except (GoldenPathError, OSError) as error:
            self._found = (Warned("", "hold", f"the audit log cannot be read: {error}"),)
            return
        self.in_force = self._events.in_force
        faults = faults_of_holds(self._home, self._events)
        self._found = tuple(Warned("", "hold", f"{each}; nothing expires") for each in faults)
