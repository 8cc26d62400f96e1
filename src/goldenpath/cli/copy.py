"""`goldenpath copy`: copy a release with its evidence from one store to another."""

import click

from goldenpath.cli.output import Format, output_option
from goldenpath.cli.transfer import referrers_option, show_transfer, transfer


@click.command
@click.argument("source")
@click.argument("destination")
@referrers_option
@output_option
def verb(source: str, destination: str, referrers: bool, output: Format) -> None:
    """Copy a release with its evidence between stores.

    A store is layout:PATH@NAME or oci://HOST/REPOSITORY:TAG; a bare tag or digest is in the home's
    registry. Existing content is not sent again, so an interrupted copy resumes.
    """
    show_transfer(transfer(source, destination, referrers=referrers), output)
