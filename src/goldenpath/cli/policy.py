"""`goldenpath policy`: the admission policies of a cluster."""

import click

from goldenpath.cli.policy_test import test


@click.group(commands=[test])
def verb() -> None:
    """Try the admission policies of a cluster, without a cluster."""
