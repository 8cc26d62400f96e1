"""`goldenpath findings list`: every finding of this home, the open ones first."""

import click

from goldenpath import compose
from goldenpath.audit.advisories.advisory_findings import with_vex
from goldenpath.audit.alarms.alarm_source import AlarmSource
from goldenpath.audit.alarms.closing import listed
from goldenpath.audit.registers.finding_limits import findings_at, owed
from goldenpath.audit.timeline.moment import parse_moment
from goldenpath.cli.finding_rows import finding_row
from goldenpath.cli.naming import MODEL, stage_filter
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.cli.tables import table
from goldenpath.observe.drift.findings import ADVISORY
from goldenpath.processes.channel_status import channel_status


@click.command("list")
@click.argument("model", type=MODEL, required=False)
@stage_filter()
@click.option("--open", "only_open", is_flag=True, help="Only findings that nothing has ended.")
@click.option("--at", "time", default="now", help="The findings as they were at this time.")
@output_option
def list_findings(
    model: str | None, stage: str | None, only_open: bool, time: str, output: Format
) -> None:
    """List findings with owners and time limits."""
    home, moment = compose.home(), parse_moment(time, compose.now())
    known = sorted(AlarmSource(home, note).findings().values(), key=lambda each: each.opened_at)
    named = {(each.stage, each.model) for each in known}
    compose.require_known(home, stage, model, named)
    mine = [f for f in known if stage in (None, f.stage) and model in (None, f.model)]
    platform = compose.platform_then(home, moment) if mine else None
    people, owners = (platform.people, platform.owners) if platform else ((), ())
    desk = compose.vex_desk(home, moment) if any(f.kind == ADVISORY for f in mine) else None
    found = [
        owed(with_vex(listed(home.findings, each, people), desk), owners, moment)
        for each in findings_at(mine, moment)
    ]
    found = sorted((e for e in found if e.is_open or not only_open), key=lambda e: not e.is_open)
    for status in channel_status(home):
        if status.waiting or status.held_back or status.fault:
            note(f"alarms for {status.channel}: {status.text}")
    headings = ("finding", "state", "deployment", "since", "owner", "due", "what")
    text = table(headings, [finding_row(each) for each in found]) or "no findings"
    show(found, text, output)
