"""The page of `goldenpath incident`, as text."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from goldenpath.audit.registers.incident import Incident, IncidentClock, IncidentStep
from goldenpath.audit.timeline.moment import show_moment


def incidents_text(incidents: Sequence[Incident], moment: datetime) -> str:
    """Return incidents with their clocks, steps and what was done to the model."""
    lines = [line for each in incidents for line in _incident(each, moment)]
    return "\n".join(lines) or "no incident was opened"


def _incident(incident: Incident, moment: datetime) -> Iterator[str]:
    ended = incident.closed
    state = "open" if ended is None else f"closed by {ended.by} {show_moment(ended.time)}"
    where = "/".join(filter(None, (incident.stage, incident.model))) or "no model is named"
    yield f"{incident.id}  {state}: {incident.title or 'its title cannot be read'}"
    if incident.fault:
        yield f"  NOT believed: {incident.fault}"
    yield f"  about {where}, aware {show_moment(incident.aware_at)}, opened by {incident.opened_by}"
    if incident.finding:
        yield f"  began with the finding {incident.finding}"
    yield "  clocks, if the duty applies, which a person has to judge:"
    for clock in incident.clocks:
        yield f"    {_clock(clock, moment)}"
    for step in incident.steps:
        yield f"  {_step(step)}"
    for line in incident.corrective:
        yield f"  in the audit log: {line}"


def _clock(clock: IncidentClock, moment: datetime) -> str:
    state = clock.state.upper() if clock.state == "overdue" else clock.state
    if clock.reported_at is not None:
        state = f"{state} {show_moment(clock.reported_at)}"
    elif clock.state == "running":
        hours = (clock.due - moment).total_seconds() / 3600
        state = f"{state}, {hours:.1f} h left"
    return f"{clock.duty:18} {show_moment(clock.due)}  {state}  ({clock.law})"


def _step(step: IncidentStep) -> str:
    fault = f"  NOT believed: {step.fault}" if step.fault else ""
    return f"{step.action} {show_moment(step.time)} by {step.by}: {step.text}{fault}"
