"""`goldenpath findings list`: every finding of this home, the open ones first."""

import click

from goldenpath import compose
from goldenpath.audit.alarms.alarm_source import AlarmSource, state_of
from goldenpath.audit.alarms.closing import ListedFinding, listed
from goldenpath.cli.naming import MODEL, stage_filter
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.cli.tables import TableRow, table
from goldenpath.processes.channel_status import channel_status


@click.command("list")
@click.argument("model", type=MODEL, required=False)
@stage_filter()
@click.option("--open", "only_open", is_flag=True, help="Only findings that nothing has ended.")
@output_option
def list_findings(model: str | None, stage: str | None, only_open: bool, output: Format) -> None:
    """List findings, the open ones first."""
    home = compose.home()
    known = sorted(AlarmSource(home, note).findings().values(), key=lambda each: each.opened_at)
    named = {(each.stage, each.model) for each in known}
    compose.require_known(home, stage, model, named)
    mine = [f for f in known if stage in (None, f.stage) and model in (None, f.model)]
    is_closed = any(state_of(each) == "closed" for each in mine)
    people = compose.trusted(home).platform.people if is_closed else ()
    found = [listed(home.findings, each, people) for each in mine]
    found = sorted((e for e in found if e.is_open or not only_open), key=lambda e: not e.is_open)
    for status in channel_status(home):
        if status.waiting or status.held_back or status.fault:
            note(f"alarms for {status.channel}: {status.text}")
    headings = ("finding", "state", "deployment", "since", "what")
    text = table(headings, [_row(each) for each in found]) or "no findings"
    show(found, text, output)


def _row(each: ListedFinding) -> TableRow:
    finding = each.finding
    ended = f"{state_of(finding)} by {finding.resolved_by}: {finding.reason}"
    notes = [ended] if finding.resolved_by else []
    notes += [f"NOT believed: {each.fault}"] if each.fault else []
    where = "/".join(filter(None, (finding.stage, finding.model)))
    cells = (finding.id, state_of(finding), where, finding.since[:19], finding.sentence)
    return TableRow(cells, tuple(notes))
