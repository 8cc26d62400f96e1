"""`goldenpath demo`: run the whole path on one machine with real data."""

import os
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.output import note
from goldenpath.demo.whole import walk_the_road


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default="goldenpath-demo",
    show_default=True,
    help="The working folder of the demo; recreated each time.",
)
@click.option("--poll", type=click.FloatRange(0, 60), default=0.5, hidden=True)
def verb(folder: Path, poll: float) -> None:
    """Take a real credit model along the whole path.

    Prints each command before it runs it and checks the claims of each step. Keeps the folder for
    inspection and leaves no process. Exits non-zero if a claim does not hold.
    """
    click.echo(walk_the_road(folder.absolute(), os.environ, note, compose.now, poll=poll))
