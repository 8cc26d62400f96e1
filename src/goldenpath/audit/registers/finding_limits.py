"""Who owes what about a finding, and findings as they were at a moment."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from goldenpath.audit.advisories.severity_limits import limit_of
from goldenpath.audit.alarms.closing import ListedFinding
from goldenpath.observe.drift.findings import ADVISORY, DriftFinding
from goldenpath.promote.platform.alarm_rules import ModelOwner, owner_of
from goldenpath.times import timestamp


def findings_at(findings: Iterable[DriftFinding], moment: datetime) -> Iterator[DriftFinding]:
    """Yield the findings that were raised by a moment; one that ended later is open.

    A time that nobody can read makes a finding the older and the longer open one.
    """
    for finding in findings:
        opened, ended = finding_time(finding.opened_at), finding_time(finding.resolved_at)
        if opened is not None and opened > moment:
            continue
        if finding.state == "open" or (ended is not None and ended <= moment):
            yield finding
        else:
            yield replace(finding, state="open", resolved_at="", resolved_by="", reason="")


def owed(listed: ListedFinding, owners: Sequence[ModelOwner], moment: datetime) -> ListedFinding:
    """Return a finding with its owner and the end of its time limit.

    The limit is the owner's; for an advisory also that of its severity, whichever ends first.
    """
    owner = owner_of(owners, listed.finding.model)
    name = "" if owner is None else owner.name
    limits = [] if owner is None or not owner.findings_within else [owner.findings_within]
    if listed.finding.kind == ADVISORY:
        limits.append(limit_of(listed.finding.size))
    if not limits:
        return replace(listed, owner=name)
    opened = finding_time(listed.finding.opened_at)
    # Nobody knows how long one without a readable time is open, so its limit has passed.
    due = opened + min(limits) if opened is not None else moment
    return replace(
        listed,
        owner=name,
        due=timestamp(due),
        is_overdue=listed.is_open and due <= moment,
    )


def finding_time(text: str) -> datetime | None:
    """Return a time that a finding names; None if nobody can read it."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
