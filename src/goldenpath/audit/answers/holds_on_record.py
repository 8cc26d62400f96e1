"""Holds compared with the audit log: a hold whose file was removed or bent still counts.

Whoever may write to the home could remove the file of a hold, and then erase. The event that it was
placed stays.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.errors import GoldenPathError, VerificationError
from goldenpath.home import Home
from goldenpath.observe.log.keeping.legal_hold import NEEDED, LegalHold, read_holds


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
