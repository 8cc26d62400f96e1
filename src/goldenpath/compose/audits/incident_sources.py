"""Incidents of this machine: who acts on them, and what the audit log says."""

from datetime import datetime
from pathlib import Path

from goldenpath.audit.registers.incident import Incident
from goldenpath.audit.registers.incident_records import IncidentDesk, read_incidents
from goldenpath.compose.gitops_access import identity, trusted
from goldenpath.compose.process_context import event_log, now
from goldenpath.home import Home


def incident_desk(home: Home, name: str | None, key: Path | None) -> IncidentDesk:
    """Return who acts, and where their events go."""
    platform = trusted(home).platform
    return IncidentDesk(identity(name, key), platform, now(), event_log(home).append)


def incidents(home: Home, moment: datetime) -> tuple[Incident, ...]:
    """Return every incident as of a moment. Raises `VerificationError` for a broken audit log."""
    return read_incidents(event_log(home).read(), trusted(home).platform.people, moment)
