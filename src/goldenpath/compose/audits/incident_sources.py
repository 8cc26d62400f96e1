"""Incidents and overrides of this machine: who acts, and what the audit log says."""

from datetime import datetime
from pathlib import Path

from goldenpath.audit.answers.override_records import (
    OverrideDesk,
    read_overrides,
)
from goldenpath.audit.registers.incident import Incident
from goldenpath.audit.registers.incident_records import IncidentDesk, read_incidents
from goldenpath.audit.report.evidence_bundle import RecordedOverride
from goldenpath.compose.audits.register_sources import platform_then
from goldenpath.compose.gitops_access import identity, trusted
from goldenpath.compose.process_context import event_log, now
from goldenpath.errors import VerificationError
from goldenpath.home import Home


def incident_desk(home: Home, name: str | None, key: Path | None) -> IncidentDesk:
    """Return who acts, and where their events go."""
    platform = trusted(home).platform
    return IncidentDesk(identity(name, key), platform, now(), event_log(home).append)


def incidents(home: Home, moment: datetime) -> tuple[Incident, ...]:
    """Return every incident as of a moment, by the people who were listed then.

    Raises `VerificationError` for a broken audit log.
    """
    people = platform_then(home, moment).people
    return read_incidents(event_log(home).read(), people, moment)


def override_desk(home: Home, name: str | None, key: Path | None) -> OverrideDesk:
    """Return who posts overrides, and where their events go."""
    platform = trusted(home).platform
    return OverrideDesk(identity(name, key), platform, now(), event_log(home).append)


def overrides(
    home: Home, since: datetime, until: datetime, model: str | None
) -> tuple[RecordedOverride, ...] | None:
    """Return the overrides of a period, of one model or all; None if the log cannot be read."""
    try:
        events = tuple(event_log(home).read())
    except VerificationError:
        return None
    inside = (
        each
        for each in events
        if since <= datetime.fromisoformat(each.time) <= until and model in (None, each.model)
    )
    return read_overrides(inside, platform_then(home, until).people)
