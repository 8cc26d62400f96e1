"""`goldenpath registry`: the registry of this machine, an OCI layout."""

import click

from goldenpath.cli.registry_compact import compact
from goldenpath.cli.registry_prune import prune


@click.group(commands=[prune, compact])
def verb() -> None:
    """Remove releases and files that nobody needs any more; without --yes, show them."""
