"""`goldenpath image pin`: move the pins of the base image to the newest packages."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.output import Format, note, output_option, show


@click.command("pin")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@output_option
def pin(file: Path, output: Format) -> None:
    """Pin the newest version that apt has of each Debian package in FILE."""
    pins = compose.move_pins(file, note)
    show(pins, f"{len(pins.package) + len(pins.tool)} packages are pinned in {file}", output)
