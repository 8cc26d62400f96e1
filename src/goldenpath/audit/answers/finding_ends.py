"""Which drift findings are over, by the audit log: repaired ones, and those that a person closed.

A closing that no listed person signed ends nothing. It is shown with its fault.
"""

from collections.abc import Iterable, Sequence

from goldenpath.audit.events.event import Event
from goldenpath.audit.events.finding_closure import closing_fault
from goldenpath.audit.report.evidence_bundle import FindingEnd
from goldenpath.release.attest.policy import Person

_REPAIRED, _CLOSED = "drift.repaired", "drift.closed"


def finding_ends(events: Iterable[Event], people: Sequence[Person]) -> tuple[FindingEnd, ...]:
    """Return every end of a finding among the events, also those that do not count."""
    return tuple(
        FindingEnd(
            str((each.details or {}).get("finding", "")),
            each.time,
            each.actor,
            closing_fault(each, people) if each.kind == _CLOSED else "",
        )
        for each in events
        if each.kind in (_REPAIRED, _CLOSED)
    )
