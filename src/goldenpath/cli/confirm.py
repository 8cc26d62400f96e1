"""`goldenpath confirm`: confirm a change of trust as the second person."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.output import Format, output_option
from goldenpath.cli.trusting import show_trust


@click.command()
@click.argument("proposal")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@identity_options
@output_option
def verb(proposal: str, dry_run: bool, name: str | None, key: Path | None, output: Format) -> None:
    """Confirm PROPOSAL, a change of platform.toml that somebody else signed."""
    home = compose.home()
    outcome = compose.confirm(home, proposal, compose.identity(name, key), dry_run=dry_run)
    show_trust(outcome, output, before=f"{outcome.diff.rstrip()}\n")
    if outcome.commit:
        compose.wake(home)
