"""`goldenpath registry compact`: remove files that no manifest needs; every release stays."""

from datetime import timedelta

import click

from goldenpath import compose
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.registry_page import registry_page, registry_record


@click.command("compact")
@click.option("--yes", is_flag=True, help="Remove them; without this, only show them.")
@output_option
def compact(*, yes: bool, output: Format) -> None:
    """Remove files that no manifest needs; every release stays."""
    upkeep = compose.registry_upkeep(
        compose.home(), after_leaving=timedelta(0), never_placed=timedelta(0), releases=False
    )
    gone = upkeep.perform() if yes else None
    show(registry_record(upkeep, gone), registry_page(upkeep, gone), output)
