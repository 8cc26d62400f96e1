"""The page of `goldenpath reconcile`."""

from goldenpath.cli.tables import TableRow, table
from goldenpath.compose.clusters.cluster_admission import ClusterPass
from goldenpath.deploy.reconcile.verified_branch import VerifiedBranch


def admission_page(seen: ClusterPass) -> str:
    """Return the commit, the branch, and a row for each release with why it is not admitted."""
    heads = ("deployment", "release", "admission", "until")
    rows = [
        TableRow(
            (
                f"{each.stage}/{each.model}",
                each.digest[:19],
                each.state,
                "" if each.expires is None else f"{each.expires:%Y-%m-%d %H:%M}",
            ),
            (each.reason,) if each.reason else (),
        )
        for each in seen.releases
    ]
    body = table(heads, rows) if rows else "git declares no model yet"
    faults = "".join(f"cluster  {each}\n" for each in seen.faults)
    return f"commit   {seen.commit[:12]}\n{branch_line(seen.branch)}\n{faults}{body}"


def branch_line(branch: VerifiedBranch) -> str:
    """Return where the branch `verified` is, and why it is not further."""
    where = branch.commit[:12] or "is not there"
    return f"verified {where}" + (f" ({branch.state}): {branch.reason}" if branch.reason else "")
