"""`goldenpath demo`: the whole road on one machine, on real data."""

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
    help="Where the demo works; made anew each time.",
)
@click.option("--poll", type=click.FloatRange(0, 60), default=0.5, hidden=True)
def verb(folder: Path, poll: float) -> None:
    """Walk a real credit model down the whole road.

    Prints each command before it runs it and checks what each step claims. Leaves the folder to
    look around in, and no process. Exits non-zero if a claim does not hold.
    """
    click.echo(walk_the_road(folder.absolute(), os.environ, note, compose.now, poll=poll))
