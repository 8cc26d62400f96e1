"""The command `goldenpath`: runs the verb, and turns errors into messages and exit codes."""

import sys
from collections.abc import Sequence

import click

from goldenpath.cli.ending import ending
from goldenpath.cli.families import FamilyGroup
from goldenpath.version import __version__


@click.group(cls=FamilyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="goldenpath")
def cli() -> None:
    """Bring a model from a commit to a monitored service, with its evidence."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process; the entry point of the console script."""
    with ending():
        status = cli.main(arguments, prog_name="goldenpath", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        sys.exit(status if isinstance(status, int) else 0)
