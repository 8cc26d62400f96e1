"""`goldenpath incident report` and `close`: what was done about an incident, as signed events."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.audit.registers.incident import LAW
from goldenpath.audit.registers.incident_records import add_step
from goldenpath.cli.acting import identity_options
from goldenpath.cli.incident_page import incidents_text
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.parameters import REASON


@click.command("report")
@click.argument("incident")
@click.option("--duty", required=True, help=f"The duty that was done: {', '.join(LAW)}.")
@identity_options
@output_option
def report(incident: str, duty: str, name: str | None, key: Path | None, output: Format) -> None:
    """Say that an incident was reported to the authority of a duty."""
    _step(incident, "reported", duty, (name, key), output=output)


@click.command("close")
@click.argument("incident")
@click.option("--reason", type=REASON, required=True, help="Why it is over.")
@identity_options
@output_option
def close(incident: str, reason: str, name: str | None, key: Path | None, output: Format) -> None:
    """Close an incident; its clocks stop."""
    _step(incident, "closed", reason, (name, key), output=output)


def _step(
    incident: str, action: str, text: str, who: tuple[str | None, Path | None], *, output: Format
) -> None:
    home = compose.home()
    desk = compose.incident_desk(home, *who)
    add_step(desk, compose.incidents(home, desk.now), incident, action=action, text=text)
    (changed,) = (each for each in compose.incidents(home, desk.now) if each.id == incident)
    show(changed, incidents_text([changed], desk.now), output)
