"""`goldenpath status`: show what is declared, what runs, and whether they agree."""

from collections.abc import Iterator
from dataclasses import asdict

import click

from goldenpath import compose
from goldenpath.canary.analysis import CanaryVerdict
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.deploy.reconcile.status import Condition, DeploymentStatus, Status
from goldenpath.errors import REFUSED


@click.command(help="Show what is declared, what runs, and whether they agree.")
@click.option(
    "--wait",
    type=click.FloatRange(0, 3600),
    default=0.0,
    help="Wait up to this many seconds until everything agrees.",
)
@output_option
@click.pass_context
def verb(context: click.Context, wait: float, output: Format) -> None:
    """Show the status; exit 7 if something that git declares does not run."""
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
    lines = [
        line
        for name, each in judged.items()
        for slot, verdict in each.items()
        for line in _canary(name, slot, verdict)
    ]
    if output == "json":  # each form is costly with 3,000 deployments
        show({**asdict(status), "canaries": judged}, "", output)
    else:
        show(status, text_of(status) + "".join(lines), output)
    if not (is_alive and status.is_ready) or silent is not None:
        context.exit(REFUSED)


def text_of(status: Status) -> str:
    """Return the status for people: the machine, then one block per deployment."""
    lines = [
        f"gateway  {status.scheme}://{status.gateway}" if status.gateway else "gateway  not running"
    ]
    lines.append(f"commit   {status.commit[:12] or 'none that is trusted'}")
    if status.time_note:
        lines.append(f"times    {status.time_note}")
    lines += [f"machine  {word}" for word in _words(status.conditions)]
    lines += [f"stage    {mark.message}" for mark in status.marks]
    for deployment in status.deployments:
        lines += ["", *_deployment(deployment)]
    lines += [f"not honoured here: {field}" for field in status.ignored]
    return "\n".join(lines)


def _deployment(deployment: DeploymentStatus) -> list[str]:
    lines = [f"{deployment.name}  {deployment.phase}"]
    running = {slot.digest: slot.percent for slot in deployment.running}
    for slot in deployment.wanted:
        share = f"{slot.percent}%"
        is_running = slot.digest in running and deployment.phase != "stopped"
        now = f"{running[slot.digest]}%" if is_running else "not running"
        lines.append(f"  {slot.digest[:19]}  wanted {share:>4}  running {now:>4}")
    if deployment.standby and deployment.phase != "stopped":
        lines.append(f"  {deployment.standby[:19]}  kept without traffic for a rollback")
    cold = deployment.cold_starts
    if cold is not None:
        lines.append(f"  {cold.wakes} cold starts, p50 {cold.p50:.2f} s, p99 {cold.p99:.2f} s")
    lines += [
        f"  {'!' if mark.kind == 'overdue' else ''}{mark.message}" for mark in deployment.marks
    ]
    return lines + [f"  {word}" for word in _words(deployment.conditions)]


def _words(conditions: tuple[Condition, ...]) -> list[str]:
    return [f"{each.type}: {each.message}" for each in conditions if each.holds]


def _canary(name: str, slot: str, verdict: CanaryVerdict) -> Iterator[str]:
    # Late: it loads numpy and Arrow, and `status` is a probe that runs often without a canary.
    from goldenpath.observe.drift.outcomes import PAIRED

    yield f"\n{name}  canary {slot}: {verdict.action}: {verdict.reason}"
    for comparison in verdict.comparisons:
        if comparison.name == PAIRED and comparison.canary.total:
            yield (
                f"\n  agrees with the live release in {1 - comparison.canary.rate:.2%} "
                f"of {comparison.canary.total} answers that were asked of both"
            )
