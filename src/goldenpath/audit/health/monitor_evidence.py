"""What the monitors of a home know about a model, for the gate `findings`.

Findings are files that anybody who can write to the home can take away. The audit log has each of
them too, in a chain. So a finding whose file is gone counts as open, unless the monitor resolved it
by the log: losing a record never opens a gate.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from goldenpath.audit.advisories.advisory_findings import (
    ENDED,
    RAISED,
    VexDesk,
    closed_once,
)
from goldenpath.audit.alarms.alarm_source import AlarmSource
from goldenpath.audit.alarms.closing import listed
from goldenpath.audit.events.chain import Break
from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.audit.registers.finding_limits import finding_time
from goldenpath.errors import GoldenPathError
from goldenpath.home import Home
from goldenpath.observe.drift.findings import ADVISORY, MONITOR, DriftFinding
from goldenpath.observe.drift.monitor_state import watches
from goldenpath.promote.gates.monitoring.monitor_view import Deployed, MonitorFinding, MonitorView
from goldenpath.promote.platform.alarm_rules import owner_of
from goldenpath.promote.platform.platform import Platform

_ALARMS, _ENDS = ("drift.alarm", RAISED), ("drift.repaired", ENDED)


def monitor_view(
    home: Home, platform: Platform, model: str, desk: VexDesk | None = None
) -> MonitorView:
    """Return what the monitors of a home know about a model, by the people of a platform.

    Without `desk` no VEX statement closes a finding about an advisory.
    """
    unread: list[str] = []
    known = AlarmSource(home, unread.append).findings()
    mine = [each for each in known.values() if each.model == model]
    findings = [_closed_by_vex(_of_file(home, platform, each), each, desk) for each in mine]
    events = _events(home, model, unread)
    findings += _without_file(platform, model, set(known), events)
    return MonitorView(tuple(findings), _counted(home, model, unread), tuple(unread))


def _of_file(home: Home, platform: Platform, finding: DriftFinding) -> MonitorFinding:
    about = listed(home.findings, finding, platform.people)
    owner = owner_of(platform.owners, finding.model)
    return MonitorFinding(
        finding.id,
        finding.kind,
        finding.stage,
        finding.release,
        finding.sentence,
        finding_time(finding.opened_at),
        None if about.is_open else finding_time(finding.resolved_at),
        about.signed_by,
        finding.reason if about.signed_by else "",
        owner.name if owner else "",
    )


def _closed_by_vex(
    known: MonitorFinding, finding: DriftFinding, desk: VexDesk | None
) -> MonitorFinding:
    """Return the finding with the VEX statement that closes it, or that closed it for a time."""
    if desk is None or finding.kind != ADVISORY or finding.resolved_by == MONITOR:
        return known
    closing = closed_once(finding, desk)
    if closing is None:
        return known
    return replace(
        known,
        ended_at=closing.signed_at,
        open_again=closing.until,
        closed_by=closing.by,
        reason=closing.sentence,
    )


def _events(home: Home, model: str, unread: list[str]) -> Mapping[str, tuple[Event, Event | None]]:
    """Return the alarm of each finding about the model, and the event of its repair."""
    found: dict[str, tuple[Event, Event | None]] = {}
    try:
        for line in EventLog(home.events).links():
            if isinstance(line, Break):
                unread.append(f"the audit log is damaged: {line.message}")
                continue
            event = line.event
            if event.model != model or event.kind not in (*_ALARMS, *_ENDS):
                continue
            details = event.details or {}
            name = str(details.get("finding", ""))
            if event.kind == ENDED and details.get("by") != MONITOR:
                continue  # a VEX statement ends it, and that is looked up
            if event.kind in _ALARMS:
                found[name] = (event, None)
            elif name in found:
                found[name] = (found[name][0], event)
    except (GoldenPathError, OSError) as error:
        unread.append(f"the audit log cannot be read: {error}")
    return found


def _without_file(
    platform: Platform,
    model: str,
    files: set[str],
    events: Mapping[str, tuple[Event, Event | None]],
) -> Iterator[MonitorFinding]:
    """Yield each finding that only the audit log still has."""
    owner = owner_of(platform.owners, model)
    for name, (alarm, repair) in events.items():
        if name in files:
            continue
        details = alarm.details or {}
        yield MonitorFinding(
            name,
            ADVISORY if alarm.kind == RAISED else str(details.get("kind", "")),
            alarm.stage,
            alarm.digest,
            f"{details.get('sentence', '')} (its file is gone from the home)",
            finding_time(alarm.time),
            None if repair is None else finding_time(repair.time),
            owner=owner.name if owner else "",
        )


def _counted(home: Home, model: str, unread: list[str]) -> Mapping[Deployed, str]:
    try:
        states = watches(home.drift, "*", model).values()
    except (GoldenPathError, OSError) as error:
        unread.append(f"the state of a monitor cannot be read: {error}")
        return {}
    return {(each.stage, each.release): each.updated_at for each in states}
