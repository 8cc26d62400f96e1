"""`goldenpath incident list`: every incident with its clocks, the open ones first."""

import click

from goldenpath import compose
from goldenpath.audit.timeline.moment import parse_moment
from goldenpath.cli.incident_page import incidents_text
from goldenpath.cli.naming import MODEL
from goldenpath.cli.output import Format, output_option, show


@click.command("list")
@click.argument("model", type=MODEL, required=False)
@click.option("--at", "time", default="now", help="The incidents as they were at this time.")
@output_option
def list_incidents(model: str | None, time: str, output: Format) -> None:
    """List incidents with their clocks, the open ones first."""
    home = compose.home()
    moment = parse_moment(time, compose.now())
    incidents = [each for each in compose.incidents(home, moment) if model in (None, each.model)]
    if not incidents:
        compose.require_known(home, None, model)
    show(incidents, incidents_text(incidents, moment), output)
