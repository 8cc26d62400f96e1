"""`goldenpath oversight`: second looks, overrides and stops."""

import click

from goldenpath.cli.findings import ListByDefault
from goldenpath.cli.oversight_list import list_oversight
from goldenpath.cli.oversight_override import override


@click.group(cls=ListByDefault, commands=[list_oversight, override])
def verb() -> None:
    """Show second looks, overrides and stops, or record one override."""
