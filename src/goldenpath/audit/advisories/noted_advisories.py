"""Advisories about one release at a moment: events of the scans, and VEX statements of people.

    raised --ended by the monitor--> not listed
      |
      | a VEX statement that counts at the moment
      v
    closed; open again on the day of the statement, or without it

That a scan ended a finding because of a VEX statement is not believed: the statement is asked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from goldenpath.audit.advisories.severity_limits import UNREAD, limit_of_word
from goldenpath.audit.advisories.vex_statement import VexClosing, vex_closings
from goldenpath.audit.events.event import Event
from goldenpath.audit.report.evidence_bundle import NotedAdvisory
from goldenpath.observe.drift.findings import MONITOR
from goldenpath.promote.platform.alarm_rules import owner_of
from goldenpath.promote.platform.platform import Platform
from goldenpath.release.attest.policy import Verified
from goldenpath.times import timestamp


def noted_advisories(
    events: Sequence[Event], verified: Verified, platform: Platform, moment: datetime
) -> tuple[NotedAdvisory, ...]:
    """Return the advisories of a release by its events up to the moment, the open ones first."""
    noted = (_noted(each, verified, platform, moment) for each in _raised(events))
    return tuple(sorted(noted, key=lambda each: (not each.is_open, each.due, each.finding)))


def _raised(events: Sequence[Event]) -> Iterator[Event]:
    """Yield each finding that no monitor ended, with the time when it was first raised."""
    first: dict[str, str] = {}
    known: dict[str, Event] = {}
    for event in events:
        details = event.details or {}
        name = str(details.get("finding", ""))
        if event.kind == "advisory.raised":
            known[name] = replace(event, time=first.setdefault(name, event.time))
        elif event.kind == "advisory.ended" and details.get("by") == MONITOR:
            known.pop(name, None)
    yield from known.values()


def _noted(event: Event, verified: Verified, platform: Platform, moment: datetime) -> NotedAdvisory:
    details = event.details or {}
    severity = str(details.get("severity", "unknown"))
    owner = owner_of(platform.owners, event.model)
    within = [limit_of_word(severity)]
    if owner is not None and owner.findings_within:
        within.append(owner.findings_within)
    opened = _time(event.time)
    # Nobody knows how long one without a readable time is open, so its limit has passed.
    due = moment if opened is None else opened + min(within)
    closing = _closing(event, verified, platform, moment)
    is_closed = closing is not None and not closing.refused
    sentence = "" if closing is None else closing.sentence
    return NotedAdvisory(
        finding=str(details.get("finding", "")),
        stage=event.stage,
        severity=severity,
        sentence=str(details.get("sentence", "")),
        since=event.time,
        owner="" if owner is None else owner.name,
        due=timestamp(due),
        is_overdue=not is_closed and due <= moment,
        closed_by=sentence if is_closed else "",
        refused="" if closing is None or is_closed else f"{sentence}: {closing.refused}",
    )


def _closing(
    event: Event, verified: Verified, platform: Platform, moment: datetime
) -> VexClosing | None:
    """Return the VEX statement that counts, else one that does not; None if there is none."""
    listed = (event.details or {}).get("advisories")
    names = frozenset(str(each).upper() for each in listed) if isinstance(listed, list) else None
    if not names or UNREAD.upper() in names:
        return None
    place = (event.stage, event.model)
    closings = vex_closings(verified, names, place, platform, moment=moment)
    return closings[0] if closings else None


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
