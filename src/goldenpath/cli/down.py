"""`goldenpath down`: ends what `goldenpath up` runs, in order."""

import click

from goldenpath import compose
from goldenpath.cli.output import note


@click.command(help="Stop what runs on this machine.")
def verb() -> None:
    """Waits until every answer that is owed was given and every process has ended."""
    stopped = compose.stop(compose.home())
    note("everything has stopped" if stopped else "nothing was running")
