"""`goldenpath image`: container images of our own programs, without a Docker engine."""

import click

from goldenpath.cli.image_base import base
from goldenpath.cli.image_build import build
from goldenpath.cli.image_pin import pin


@click.group(commands=[build, base, pin])
def verb() -> None:
    """Build the container images of the server, the initializer and the jobs."""
