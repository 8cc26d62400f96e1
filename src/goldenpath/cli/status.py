"""`goldenpath status`: show what is declared, what runs, and whether they agree."""

from dataclasses import asdict

import click

from goldenpath import compose
from goldenpath.cli.cluster_page import cluster_page
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.cli.status_page import canary_lines, text_of
from goldenpath.errors import REFUSED, InvalidInput, Unavailable

_TARGETS = click.Choice(["machine", "kubernetes"])


@click.command(help="Show what is declared, what runs, and whether they agree.")
@click.option(
    "--target", type=_TARGETS, default="machine", show_default=True, help="Where it runs."
)
@click.option("--context", "cluster", default="", help="Context of the kubeconfig.")
@click.option(
    "--wait",
    type=click.FloatRange(0, 3600),
    default=0.0,
    help="Wait up to this many seconds until everything agrees.",
)
@output_option
@click.pass_context
def verb(context: click.Context, target: str, cluster: str, wait: float, output: Format) -> None:
    """Show the status; exit 7 if something that git declares does not run.

    Raises `InvalidInput` if a flag belongs to the other target.
    """
    if target == "kubernetes":
        if wait:
            raise InvalidInput(
                "--wait is for this machine alone", hint="ask the cluster again later"
            )
        context.exit(_cluster(cluster, output))
    if cluster:
        raise InvalidInput("--context names a cluster", hint="add --target kubernetes")
    context.exit(_machine(wait, output))


def _cluster(cluster: str, output: Format) -> int:
    state = compose.cluster_status(compose.home(), cluster)
    show(state, cluster_page(state), output)
    states = {each.state for each in state.deployments}
    if "differs" in states or any(each.is_known for each in state.conditions):
        return REFUSED
    return Unavailable.exit_code if "unknown" in states or state.conditions else 0


def _machine(wait: float, output: Format) -> int:
    if wait and not compose.is_up(compose.home()):
        note("goldenpath up does not run here yet; waiting for it")
    status, is_alive = (
        compose.await_status(compose.home(), wait) if wait else compose.status(compose.home())
    )
    if not is_alive:
        note(f"goldenpath up does not run here; this is how it was when it ended, {status.time}")
    silent = compose.silence(status, compose.now()) if is_alive else None
    if silent is not None:
        note(f"goldenpath up hangs: its last report is {silent.total_seconds():.0f} s old")
    has_canaries = is_alive and any(len(each.running) > 1 for each in status.deployments)
    judged = compose.canary_verdicts(compose.home(), status) if has_canaries else {}
    if output == "json":  # each form is costly with 3,000 deployments
        show({**asdict(status), "canaries": judged}, "", output)
    else:
        show(status, text_of(status) + canary_lines(judged), output)
    return 0 if is_alive and status.is_ready and silent is None else REFUSED
