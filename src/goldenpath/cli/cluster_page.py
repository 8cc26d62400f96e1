"""The page of `goldenpath status --target kubernetes`."""

from goldenpath.cli.tables import TableRow, table
from goldenpath.compose.clusters.cluster_examination import ClusterState
from goldenpath.deploy.cluster.cluster_status import ClusterDeployment, ClusterRelease

_READY = {True: "yes", False: "no", None: "not known"}


def cluster_page(state: ClusterState) -> str:
    """Return the newest commit, what is wrong, and a row for each release with what is in its way.

    A sentence about something that could not be found out begins with a question mark.
    """
    rows = [row for deployment in state.deployments for row in _rows(deployment)]
    heads = ("deployment", "release", "in git", "in the route", "ready", "")
    head = f"commit   {state.commit[:12]}\n"
    for each in state.conditions:
        head += f"{'' if each.is_known else '? '}{each.about}: {each.message}\n"
    return head + (table(heads, rows) if rows else "git declares no model yet")


def _rows(deployment: ClusterDeployment) -> list[TableRow]:
    reasons = deployment.reasons
    if not deployment.releases:
        return [TableRow((deployment.name, "", "", "", "", deployment.state), reasons)]
    rows = [TableRow(_cells(deployment, each)) for each in deployment.releases]
    return [*rows[:-1], TableRow(rows[-1].cells, reasons)]


def _cells(deployment: ClusterDeployment, release: ClusterRelease) -> tuple[str, ...]:
    routed = "not known" if release.routed is None else f"{release.routed}%"
    return (
        deployment.name, release.digest[:19], f"{release.declared}%", routed,
        _READY[release.ready], deployment.state,
    )  # fmt: skip
