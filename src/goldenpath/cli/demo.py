"""`goldenpath demo`: run the whole path on one machine with real data."""

import os
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.demo.whole import summary_page, walk_the_road


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default="goldenpath-demo",
    show_default=True,
    help="The working folder of the demo; recreated each time.",
)
@click.option("--poll", type=click.FloatRange(0, 60), default=0.5, hidden=True)
@output_option
def verb(folder: Path, poll: float, output: Format) -> None:
    """Run the whole path with a real credit model.

    Prints each command before it runs it and checks the claims of each step. Keeps the folder for
    inspection and leaves no process. Exits non-zero if a claim does not hold.
    """
    place = folder.absolute()
    summary = walk_the_road(place, os.environ, note, compose.now, poll=poll)
    show(summary, summary_page(summary, place), output)
