"""The page of `goldenpath status`: the machine, then one block for each deployment."""

from collections.abc import Iterator, Mapping

from goldenpath.canary.analysis import CanaryVerdict
from goldenpath.deploy.reconcile.status import Condition, DeploymentStatus, Status


def canary_lines(judged: Mapping[str, Mapping[str, CanaryVerdict]]) -> str:
    """Return what the judge says of each canary, as lines below the status."""
    return "".join(
        line
        for name, verdicts in judged.items()
        for slot, verdict in verdicts.items()
        for line in _canary(name, slot, verdict)
    )


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
