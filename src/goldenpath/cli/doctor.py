"""`goldenpath doctor`: find what a cluster lacks or has wrong, with the cure."""

import sys

import click

from goldenpath import compose
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.tables import TableRow, table
from goldenpath.deploy.cluster.cluster_checks import ClusterFinding
from goldenpath.errors import REFUSED, Unavailable


@click.command()
@click.option(
    "--target",
    type=click.Choice(["kubernetes"]),
    required=True,
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
    """Find what a cluster lacks or has wrong; it only reads, and tries by dry run.

    Exit 7 if something is wrong, 5 if something could not be found out.
    """
    findings = compose.examined(compose.home(), context, gateway)
    show({"target": target, "findings": findings}, _page(findings), output)
    statuses = {finding.status for finding in findings}
    if "wrong" in statuses:
        sys.exit(REFUSED)
    if "unknown" in statuses:
        sys.exit(Unavailable.exit_code)


def _page(findings: tuple[ClusterFinding, ...]) -> str:
    rows = [
        TableRow(
            (finding.status, finding.check, finding.message),
            (f"cure: {finding.cure}",) if finding.cure else (),
        )
        for finding in findings
    ]
    return table(("status", "check", "what was seen"), rows)
