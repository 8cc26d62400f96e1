"""The canary judge: counts of two releases, the verdict on one step, and the commit for it.

`judge_once` is a job in a cluster that keeps no state between two runs. A step begins with the
commit that last changed the weights. Recorded holds are in `release.yaml`. `enact` turns a
verdict into a signed commit, both for that job and for `goldenpath up`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from goldenpath.canary.analysis import CanaryVerdict, Criteria
from goldenpath.canary.arms import Arm, verdict_on
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, Unavailable
from goldenpath.promote.acts.intents import StageChange
from goldenpath.promote.acts.rolling import Grounds
from goldenpath.promote.acts.scene import stage_of
from goldenpath.promote.manifests.deployment_files import route_path, service_path
from goldenpath.promote.manifests.desired import Deployment, Rollout
from goldenpath.promote.repository.chain_of_trust import follow
from goldenpath.promote.workspace.scene_reader import deployment_of, placement_of, unknown_model
from goldenpath.promote.workspace.stage_changes import note_hold, roll_back, roll_out
from goldenpath.promote.workspace.workspace import Outcome, Workspace

LONGEST = timedelta(days=14)
"""The longest step that is judged: at each run the source is read from the step's beginning."""


class CountSource(Protocol):
    """A source of the counts of two releases."""

    def arms(
        self,
        stage: str,
        model: str,
        releases: Sequence[Digest],
        since: datetime,
        *,
        until: datetime,
    ) -> tuple[Arm, ...]:
        """Return the counts of each release between two times, in the order of `releases`.

        Raises `Unavailable` or `InvalidInput` if they are not known.
        """
        ...


@dataclass(frozen=True, slots=True)
class CanaryStep:
    """A canary at one percentage of the traffic, with its rollout plan."""

    stage: str
    model: str
    release: Digest
    percent: int
    rollout: Rollout


@dataclass(frozen=True, slots=True)
class Enacted:
    """The result of a verdict."""

    reason: str
    """The verdict in one sentence, with the number of answers and the percentage."""
    outcome: Outcome[StageChange] | None = None
    """The canary's step or rollback; None while it stays."""
    commit: str = ""
    """The commit of the verdict; empty if nothing was committed."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on a canary, and its result."""

    name: str
    canary: Digest
    percent: int
    since: datetime
    verdict: CanaryVerdict
    done: Outcome[StageChange] | None = None
    """The canary's step or rollback; None while it stays."""
    commit: str = ""
    """The commit of the verdict; empty if nothing was committed."""


def judge_once(
    workspace: Workspace, source: CountSource, model: str, stage: str, *, dry_run: bool = False
) -> Judgement | None:
    """Judge the canary of a model and commit the verdict; None if there is no canary.

    If the rollout's `judge` is a person, nothing is committed. Raises `Unavailable` if the source
    has no counts: then there is no verdict, and the canary stays as it is.
    """
    trusted = follow(workspace.repository, workspace.pin, workspace.clock())
    stage_of(trusted.platform, stage)
    deployment = deployment_of(workspace.repository, trusted, stage, model)
    placement = placement_of(workspace.repository, trusted, stage, model)
    if deployment is None or placement is None:
        raise unknown_model(workspace.repository, trusted, model, stage)
    if len(deployment.slots) < 2:
        return None
    paths = (service_path(stage, model), route_path(stage, model))
    changed = workspace.repository.last_change(trusted.commit, *paths)
    (step,) = workspace.repository.commits([changed])
    verdict = _verdict(workspace, source, deployment, placement.rollout, since=step.time)
    canary = deployment.slots[-1]
    judgement = Judgement(deployment.name, canary.digest, canary.percent, step.time, verdict)
    if dry_run or placement.rollout.judge != "auto":
        return judgement
    at = CanaryStep(stage, model, canary.digest, canary.percent, placement.rollout)
    enacted = enact(workspace, at, verdict)
    return replace(judgement, done=enacted.outcome, commit=enacted.commit)


def _verdict(
    workspace: Workspace,
    source: CountSource,
    deployment: Deployment,
    rollout: Rollout,
    *,
    since: datetime,
) -> CanaryVerdict:
    try:
        stable, canary = _counted(source, deployment, since, workspace.clock())
    except (Unavailable, InvalidInput, NotFound) as error:
        percent = deployment.slots[-1].percent
        raise Unavailable(
            f"no verdict on {deployment.name}, the canary stays at {percent} percent: "
            f"{error.message}",
            hint=error.hint,
        ) from error
    judgements = (len(deployment.slots) - 1) * max(len(rollout.steps) - 1, 1)
    return verdict_on(stable, canary, Criteria.of(rollout.criteria), judgements)


def _counted(
    source: CountSource, deployment: Deployment, since: datetime, until: datetime
) -> tuple[Arm, ...]:
    if until - since > LONGEST:
        raise InvalidInput(
            f"the step began {(until - since).days} days ago: expected at most {LONGEST.days}",
            hint="decide by goldenpath rollout or goldenpath rollback",
        )
    releases = (deployment.slots[0].digest, deployment.slots[-1].digest)
    return source.arms(deployment.stage, deployment.model, releases, since, until=until)


def enact(workspace: Workspace, step: CanaryStep, verdict: CanaryVerdict) -> Enacted:
    """Commit the verdict: the next step, the rollback, or a record of the hold.

    A verdict on no answers is not committed. Raises `Stalled` while a hold, a freeze or overdue
    break-glass keeps the stage as it is.
    """
    grounds = Grounds(step.release, step.percent, verdict.numbers)
    reason = f"{verdict.reason} ({verdict.requests} answers at {step.percent} percent)"
    if verdict.action == "hold":
        if not verdict.requests:
            return Enacted(reason)
        hold = note_hold(
            workspace, step.model, step.stage, state=verdict.state, reason=reason, grounds=grounds
        )
        return Enacted(reason, commit=hold.commit)
    if verdict.action == "advance":
        percent = step.rollout.after(step.percent)
        outcome = roll_out(
            workspace, step.model, step.stage, percent, reason=reason, grounds=grounds
        )
    else:
        outcome = roll_back(workspace, step.model, step.stage, reason=reason, grounds=grounds)
    return Enacted(reason, outcome, outcome.commit)
