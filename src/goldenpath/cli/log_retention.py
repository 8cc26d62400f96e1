"""`goldenpath log retention`: show what is kept until when."""

import click

from goldenpath import compose
from goldenpath.audit.answers.holds_on_record import require_holds_on_record
from goldenpath.audit.timeline.moment import parse_moment
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.retention_page import render_retention
from goldenpath.observe.log.keeping.kept_until import kept_classes
from goldenpath.observe.log.keeping.legal_hold import kept_by_holds
from goldenpath.processes.observer_launch import Keep


@click.command("retention")
@click.option("--at", "time", default="now", help="Count what will have ended at this time.")
@output_option
def retention(time: str, output: Format) -> None:
    """Show what the log keeps until when, by rules and holds."""
    home = compose.home()
    moment = parse_moment(time, compose.now())
    platform = compose.platform_then(home, moment)
    holds = require_holds_on_record(home)
    rules = tuple(
        Keep(stage.name, stage.log.inputs.days, stage.log.records.days) for stage in platform.stages
    )
    classes = tuple(kept_classes(home, rules, kept_by_holds(home), moment))
    record = {"at": moment, "classes": classes, "holds": holds}
    show(record, render_retention(classes, holds, moment), output)
