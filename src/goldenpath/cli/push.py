"""`goldenpath push`: copy a release of this machine to a registry."""

import click

from goldenpath.cli.output import Format, output_option
from goldenpath.cli.transfer import referrers_option, registry_uri, show_transfer, transfer


@click.command
@click.argument("release")
@click.argument("reference")
@referrers_option
@output_option
def verb(release: str, reference: str, referrers: bool, output: Format) -> None:
    """Copy a release to a registry: RELEASE is a digest or tag, REFERENCE is HOST/REPOSITORY:TAG.

    Uses the credentials of docker, podman and their credential helpers.
    """
    show_transfer(transfer(release, registry_uri(reference), referrers=referrers), output)
