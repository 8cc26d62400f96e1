"""What the monitors of a home know about a model, for the gate `findings`.

Findings are files that anybody who can write to the home can take away. The audit log has each of
them too, in a chain. So a finding whose file is gone or says otherwise counts as open, unless the
monitor resolved it by the log: losing a record never opens a gate.
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

Recorded = tuple[Event, Event | None]
"""The event of an alarm, and that of its repair; None if the log has none."""
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
    events = _events(home, model, unread)
    findings = [
        _repaired_by_log(
            _closed_by_vex(_of_file(home, platform, each), each, desk), each, events.get(each.id)
        )
        for each in mine
    ]
    agreeing = {each.id for each in mine if _agrees(each, events.get(each.id))}
    findings += _of_log(platform, model, agreeing, {*known}, events=events)
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


def _events(home: Home, model: str, unread: list[str]) -> Mapping[str, Recorded]:
    """Return the alarm of each finding about the model, and the event of its repair."""
    found: dict[str, Recorded] = {}
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


def _agrees(finding: DriftFinding, recorded: Recorded | None) -> bool:
    """Whether a file says about a finding what the audit log says, if that has it."""
    if recorded is None:
        return True
    alarm = recorded[0]
    kind = ADVISORY if alarm.kind == RAISED else str((alarm.details or {}).get("kind", ""))
    return (
        (finding.stage, finding.release) == (alarm.stage, alarm.digest)
        and kind in ("", finding.kind)
        # One that seems to open later is younger than the limit of a gate, or not open yet.
        and finding.opened_at[:19] <= alarm.time[:19]
    )


def _repaired_by_log(
    known: MonitorFinding, finding: DriftFinding, recorded: Recorded | None
) -> MonitorFinding:
    """Return a finding that its file calls repaired as the audit log has it: open, or since when.

    No signature says that the monitor resolved it, but the chain of the log does.
    """
    if recorded is None or finding.state == "open" or finding.resolved_by != MONITOR:
        return known
    repair = recorded[1]
    if repair is None:
        sentence = f"{finding.sentence} (its file says that it is over, the audit log does not)"
        return replace(known, sentence=sentence, ended_at=None)
    return replace(known, ended_at=finding_time(repair.time))


def _of_log(
    platform: Platform,
    model: str,
    agreeing: set[str],
    files: set[str],
    *,
    events: Mapping[str, Recorded],
) -> Iterator[MonitorFinding]:
    """Yield each finding of the audit log whose file is gone or says something else."""
    owner = owner_of(platform.owners, model)
    for name, (alarm, repair) in events.items():
        if name in agreeing:
            continue
        details = alarm.details or {}
        why = "its file says otherwise" if name in files else "its file is gone from the home"
        yield MonitorFinding(
            name,
            ADVISORY if alarm.kind == RAISED else str(details.get("kind", "")),
            alarm.stage,
            alarm.digest,
            f"{details.get('sentence', '')} ({why})",
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
