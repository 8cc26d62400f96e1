"""`goldenpath reconcile`: judge git for a cluster, which follows the branch `verified`."""

import time
from datetime import timedelta
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.admission_page import admission_page
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.compose.clusters.cluster_admission import ClusterPass
from goldenpath.errors import REFUSED, GoldenPathError, InvalidInput, Unavailable


@click.command()
@click.option(
    "--target", type=click.Choice(["kubernetes"]), default="kubernetes", show_default=True,
    help="Where the releases run.",
)  # fmt: skip
@click.option("--key", type=click.Path(path_type=Path, dir_okay=False), help="The admission key.")
@click.option(
    "--valid", type=click.IntRange(1, 90), default=14, show_default=True,
    help="Days for which an admission counts.",
)  # fmt: skip
@click.option(
    "--every", type=click.FloatRange(1, 3600), help="Go on, with so many seconds in between."
)
@click.option("--observe", is_flag=True, help="Also record what the cluster runs.")
@click.option("--context", "cluster", default="", help="Context of the kubeconfig to observe.")
@output_option
@click.pass_context
def verb(
    context: click.Context,
    target: str,
    key: Path | None,
    valid: int,
    every: float | None,
    observe: bool,
    cluster: str,
    output: Format,
) -> None:
    """Judge what git declares, sign what is admitted, and move the branch `verified` forward.

    Without `--every` it judges once; exit 7 if something is refused, 5 if it could not be judged.
    """
    if cluster and not observe:
        raise InvalidInput("--context names a cluster to observe", hint="add --observe")
    options = compose.FollowerOptions(key, timedelta(days=valid), observe, cluster)
    with compose.cluster_follower(compose.home(), options) as step:
        while every is not None:
            try:
                _shown(step(), output)
            except GoldenPathError as error:
                note(f"{target}: {error.message}; what is signed counts until it ends")
            time.sleep(every)
        context.exit(_shown(step(), output))


def _shown(seen: ClusterPass, output: Format) -> int:
    show(seen, admission_page(seen), output)
    states = {seen.branch.state, *(each.state for each in seen.releases)}
    if states & {"refused", "waits", "astray"}:
        return REFUSED
    return Unavailable.exit_code if seen.faults or "unknown" in states else 0
