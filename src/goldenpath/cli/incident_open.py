"""`goldenpath incident open`: open an incident by a signed event."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.audit.registers.incident_records import IncidentOpening, open_incident
from goldenpath.audit.timeline.moment import parse_moment
from goldenpath.cli.acting import identity_options
from goldenpath.cli.incident_page import incidents_text
from goldenpath.cli.naming import MODEL, stage_filter
from goldenpath.cli.output import Format, output_option, show


@click.command("open")
@click.argument("title")
@click.option("--model", type=MODEL, help="The model that it is about.")
@stage_filter("The stage that it is about.")
@click.option("--aware", default="now", help="When the bank became aware; now without it.")
@click.option("--classified", help="When it was classified as major.")
@click.option("--finding", default="", help="The finding that it began with.")
@identity_options
@output_option
def open_one(
    title: str,
    model: str | None,
    stage: str | None,
    aware: str,
    classified: str | None,
    finding: str,
    name: str | None,
    key: Path | None,
    output: Format,
) -> None:
    """Open an incident; its clocks run from the time of awareness."""
    home = compose.home()
    desk = compose.incident_desk(home, name, key)
    now = desk.now
    compose.require_known(home, stage, model)
    opening = IncidentOpening(
        title,
        parse_moment(aware, now),
        None if classified is None else parse_moment(classified, now),
        stage or "",
        model or "",
        finding,
    )
    incident = open_incident(desk, opening)
    (opened,) = (each for each in compose.incidents(home, now) if each.id == incident)
    show(opened, incidents_text([opened], now), output)
