"""The page of `goldenpath reconcile`."""

from goldenpath.cli.tables import TableRow, table
from goldenpath.compose.clusters.cluster_admission import DeclaredRelease


def admission_page(commit: str, releases: tuple[DeclaredRelease, ...]) -> str:
    """Return the commit and a row for each release, with the reason if it is not admitted."""
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
        for each in releases
    ]
    body = table(heads, rows) if rows else "git declares no model yet"
    return f"commit   {commit[:12]}\n{body}"
