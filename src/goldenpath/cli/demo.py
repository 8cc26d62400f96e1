"""`goldenpath demo`: run the whole path on one machine with real data."""

import os
import sys
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.demo.whole import console_launch, summary_page, walk_the_road


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default="goldenpath-demo",
    show_default=True,
    help="The working folder of the demo; recreated each time.",
)
@click.option("--no-console", is_flag=True, help="End at once; do not open the console.")
@click.option("--poll", type=click.FloatRange(0, 60), default=0.5, hidden=True)
@output_option
def verb(folder: Path, no_console: bool, poll: float, output: Format) -> None:
    """Run the whole path with a real credit model.

    Prints each command before it runs it and checks the claims of each step. Keeps the folder for
    inspection and leaves no process. Exits non-zero if a claim does not hold. In a terminal it ends
    with the console over what it did, until Ctrl-C; elsewhere with the command that opens it.
    """
    place = folder.absolute()
    summary = walk_the_road(place, os.environ, note, compose.now, poll=poll)
    show(summary, summary_page(summary, place), output)
    if sys.stdin.isatty() and sys.stdout.isatty() and output == "text" and not no_console:
        command, environment = console_launch(place, os.environ)
        sys.stdout.flush()
        # In place of this process, so that Ctrl-C ends the console alone.
        os.execve(command[0], command, environment)  # noqa: S606 - our own program
