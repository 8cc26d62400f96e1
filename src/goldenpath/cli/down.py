"""`goldenpath down`: ends what `goldenpath up` runs, in order."""

import click

from goldenpath import wire
from goldenpath.cli.output import note


@click.command(help="Stop what runs on this machine.")
def verb() -> None:
    """Waits until every answer that is owed was given and every process has ended."""
    stopped = wire.stop(wire.home())
    note("everything has stopped" if stopped else "nothing was running")
