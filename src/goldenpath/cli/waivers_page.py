"""The page of `goldenpath waivers`, as text."""

from goldenpath.audit.registers.waiver_register import RecordedWaiver, WaiverRegister, WaiverUse
from goldenpath.audit.timeline.moment import show_moment
from goldenpath.cli.tables import TableRow, table

_HEADINGS = ("waiver", "state", "gate", "deployment", "by", "until")


def waivers_text(register: WaiverRegister) -> str:
    """Return every waiver, and the releases of which nobody knows whether they have one."""
    page = table(_HEADINGS, [_row(each) for each in register.waivers]) or "no waiver is known"
    unknown = [f"  {line}" for line in register.unknown]
    return "\n".join([page, *(["could not be found out:", *unknown] if unknown else [])])


def _row(waiver: RecordedWaiver) -> TableRow:
    where = "/".join(filter(None, (waiver.stage, waiver.model)))
    until = show_moment(waiver.until) if waiver.until else "not known"
    cells = (
        waiver.envelope.short,
        waiver.standing,
        waiver.gate or "not known",
        where,
        waiver.by or "not known",
        until,
    )
    notes = [f"about {waiver.release}"]
    notes += [f"reason: {waiver.reason}"] if waiver.reason else []
    notes += [f"it {waiver.note}"] if waiver.note else []
    notes += [_use(each) for each in waiver.used_by] or ["no decision relied on it"]
    return TableRow(cells, tuple(notes))


def _use(use: WaiverUse) -> str:
    when = show_moment(use.decided_at) if use.decided_at else "at an unknown time"
    commit = f"commit {use.commit[:12]}" if use.commit else "no commit on main names it"
    live = ", live now" if use.is_live else ""
    return f"used for {use.stage} by {use.by} {when}: decision {use.decision.short}, {commit}{live}"
