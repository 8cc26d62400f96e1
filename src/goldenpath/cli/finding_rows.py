"""A finding as a row of a table."""

from goldenpath.audit.alarms.alarm_source import state_of
from goldenpath.audit.alarms.closing import ListedFinding
from goldenpath.cli.tables import TableRow


def finding_row(each: ListedFinding) -> TableRow:
    """Return state, place, owner, time limit and what it says."""
    finding = each.finding
    ended = f"{state_of(finding)} by {finding.resolved_by}: {finding.reason}"
    notes = [ended] if finding.resolved_by else []
    notes += [f"NOT believed: {each.fault}"] if each.fault else []
    notes += [f"closed by VEX: {each.closed_until}"] if each.closed_until else []
    where = "/".join(filter(None, (finding.stage, finding.model)))
    ended = "vex" if each.closed_until else state_of(finding)
    state = "OVERDUE" if each.is_overdue else ended
    owner, due = each.owner or "nobody named", each.due[:19] or "no limit set"
    cells = (finding.id, state, where, finding.since[:19], owner, due, finding.sentence)
    return TableRow(cells, tuple(notes))
