"""`goldenpath doctor`: find what this machine or a cluster lacks or has wrong, with the cure."""

import os
import sys
from collections.abc import Sequence

import click

from goldenpath import compose
from goldenpath.cli.doctor_page import Examined, findings_page
from goldenpath.cli.output import Format, output_option, show
from goldenpath.errors import REFUSED, InvalidInput, Unavailable


@click.command()
@click.option(
    "--target",
    type=click.Choice(["machine", "kubernetes"]),
    default="machine",
    show_default=True,
    help="What to examine.",
)
@click.option("--context", default="", help="Context of the kubeconfig; default: the current one.")
@click.option(
    "--gateway",
    default="",
    metavar="NAMESPACE/NAME",
    help="The Gateway of the models; default: that of [cluster] in platform.toml.",
)
@output_option
def verb(target: str, context: str, gateway: str, output: Format) -> None:
    """Find what this machine or a cluster lacks or has wrong; it only reads.

    Exit 7 if something is wrong, 5 if something could not be found out.
    """
    if target == "machine" and (context or gateway):
        raise InvalidInput(
            "--context and --gateway are for a cluster: expected --target kubernetes"
        )
    findings: Sequence[Examined] = (
        compose.examined(compose.home(), context, gateway)
        if target == "kubernetes"
        else compose.examined_machine(compose.home(), os.environ)
    )
    show({"target": target, "findings": findings}, findings_page(findings), output)
    statuses = {finding.status for finding in findings}
    if "wrong" in statuses:
        sys.exit(REFUSED)
    if "unknown" in statuses:
        sys.exit(Unavailable.exit_code)
