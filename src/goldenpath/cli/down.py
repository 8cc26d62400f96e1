"""`goldenpath down`: stop what `goldenpath up` runs, in order."""

import click

from goldenpath import compose
from goldenpath.cli.output import Format, output_option, show


@click.command(help="Stop what runs on this machine.")
@output_option
def verb(output: Format) -> None:
    """Wait until every open request is answered and every process has ended."""
    stopped = compose.stop(compose.home())
    text = "everything has stopped" if stopped else "nothing was running"
    show({"stopped": stopped}, text, output)
