"""`goldenpath image base`: the base image from pinned Debian packages."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.imaging_flags import (
    archive_option,
    image_page,
    name_option,
    pins_option,
    store_option,
)
from goldenpath.cli.output import Format, output_option, show


@click.command("base")
@pins_option
@store_option
@archive_option
@name_option
@output_option
def base(
    pins: Path | None,
    store: str | None,
    archive: Path | None,
    name: str | None,
    output: Format,
) -> None:
    """Build the base image from pinned Debian packages."""
    wish = compose.ImageOptions(
        role="server", base=None, pins=pins, uv=False, store=store, archive=archive, name=name
    )
    made = compose.make_base(compose.home(), wish)
    show(made, image_page(made), output)
