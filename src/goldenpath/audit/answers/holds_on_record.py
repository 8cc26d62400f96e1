"""Holds compared with the audit log: a hold whose file was removed or bent still counts.

Whoever may write to the home could remove the file of a hold, and then erase. The event that it was
placed stays.
"""

from collections import defaultdict
from collections.abc import Iterable

from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.errors import VerificationError
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


def hold_faults(holds: Iterable[LegalHold], events: Iterable[Event]) -> list[str]:
    """Return how holds differ from the events about them, one sentence each."""
    placed, lifted = dict[str, str](), defaultdict[str, set[str]](set)
    for event in events:
        case = str((event.details or {}).get("case", ""))
        if event.kind == "hold.placed":
            placed[case] = event.time
        elif event.kind == "hold.lifted":
            lifted[case].add(event.actor)
    known = {hold.case: hold for hold in holds}
    faults = [
        f"the file of hold {case} is gone: it was placed at {time}"
        for case, time in placed.items()
        if case not in known
    ]
    faults += [
        f"hold {case} was lifted by {len(lifted[case])} people, by the audit log: expected {NEEDED}"
        for case, hold in known.items()
        if not hold.is_in_force and len(lifted[case]) < NEEDED
    ]
    return faults
