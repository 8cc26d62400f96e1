"""`goldenpath image build`: base, packages and code as one image."""

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


@click.command("build")
@click.option(
    "--role",
    type=click.Choice(["server", "initializer", "jobs"]),
    default="server",
    show_default=True,
    help="What the image is for.",
)
@click.option("--base", metavar="IMAGE", help="Base by digest; else built from Debian packages.")
@pins_option
@click.option("--uv", is_flag=True, help="With uv, for models that are code.")
@store_option
@archive_option
@name_option
@click.option(
    "--signing-key",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The key; that of the environment or of the home otherwise.",
)
@click.option("--unsigned", is_flag=True, help="Leave out signature and bill of materials.")
@output_option
def build(file: Path | None, unsigned: bool, output: Format, **options: object) -> None:
    """Build a reproducible image and sign it with its bill."""
    home = compose.home()
    signer = None if unsigned else compose.signer(home, file)
    made = compose.make_image(home, compose.ImageOptions(**options), signer)  # type: ignore[arg-type]
    show(made, image_page(made), output)
