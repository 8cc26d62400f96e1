"""The command `goldenpath`: runs the verb, and turns errors into messages and exit codes."""

import sys
from collections.abc import Sequence

import click

from goldenpath.cli.ending import ending
from goldenpath.cli.families import FamilyGroup
from goldenpath.cli.output import choose_notes
from goldenpath.errors import InvalidInput
from goldenpath.version import __version__


@click.group(cls=FamilyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="goldenpath")
@click.option("-q", "--quiet", is_flag=True, help="Show no notes and no progress, only errors.")
@click.option("-v", "--verbose", is_flag=True, help="Show notes with the seconds since the start.")
def cli(quiet: bool, verbose: bool) -> None:
    """Bring a model from a commit to a monitored service, with its evidence."""
    if quiet and verbose:
        raise InvalidInput("--quiet and --verbose exclude each other: expected one of them")
    choose_notes("none" if quiet else "timed" if verbose else "plain")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process; the entry point of the console script."""
    with ending():
        status = cli.main(arguments, prog_name="goldenpath", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        sys.exit(status if isinstance(status, int) else 0)
