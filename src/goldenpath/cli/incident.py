"""`goldenpath incident`: incidents as signed events, with the clocks of the duties to report."""

import click

from goldenpath.cli.findings import ListByDefault
from goldenpath.cli.incident_list import list_incidents
from goldenpath.cli.incident_open import open_one
from goldenpath.cli.incident_steps import close, report


@click.group(cls=ListByDefault, commands=[list_incidents, open_one, report, close])
def verb() -> None:
    """List incidents with their clocks, or open, report or close one."""
