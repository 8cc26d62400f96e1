"""Judges a canary once by what a source counted, and commits the verdict: for a job in a cluster.

Nothing is remembered between two runs: the step begins with the commit that last changed the
InferenceService, and holds that are on record stand in `release.yaml`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from goldenpath.canary.analysis import CanaryVerdict, Criteria
from goldenpath.canary.arms import Arm, verdict_on
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, Unavailable
from goldenpath.promote.acts.intents import StageChange
from goldenpath.promote.acts.rolling import Grounds
from goldenpath.promote.acts.scene import stage_of
from goldenpath.promote.manifests.deployment_files import service_path
from goldenpath.promote.manifests.desired import Deployment, Rollout
from goldenpath.promote.repository.chain_of_trust import follow
from goldenpath.promote.workspace.scene_reader import deployment_of, placement_of, unknown_model
from goldenpath.promote.workspace.stage_changes import note_hold, roll_back, roll_out
from goldenpath.promote.workspace.workspace import Outcome, Workspace

LONGEST = timedelta(days=14)
"""Of a step that is judged: a source is read from its beginning at each look."""


class CountSource(Protocol):
    """Where the counts of two releases come from."""

    def arms(
        self,
        stage: str,
        model: str,
        releases: Sequence[Digest],
        since: datetime,
        *,
        until: datetime,
    ) -> tuple[Arm, ...]:
        """What was counted of each; raises `Unavailable` or `InvalidInput` if nobody knows."""
        ...


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was decided about a canary, and what came of it."""

    name: str
    canary: Digest
    percent: int
    since: datetime
    verdict: CanaryVerdict
    done: Outcome[StageChange] | None = None
    """The canary's step or its end; None while it stays."""
    commit: str = ""
    """Of the verdict; empty if nothing was committed."""


def judge_once(
    desk: Workspace, source: CountSource, model: str, stage: str, *, dry_run: bool = False
) -> Judgement | None:
    """Judges the canary of a model and commits the verdict; None if there is no canary.

    A rollout whose `judge` is a person is judged, and nothing is committed. Raises `Unavailable`
    if the source cannot tell: then there is no verdict, and the canary stays as it is.
    """
    trusted = follow(desk.repository, desk.pin)
    stage_of(trusted.platform, stage)
    wanted = deployment_of(desk.repository, trusted, stage, model)
    placement = placement_of(desk.repository, trusted, stage, model)
    if wanted is None or placement is None:
        raise unknown_model(desk.repository, trusted, model, stage)
    if len(wanted.slots) < 2:
        return None
    changed = desk.repository.last_change(trusted.commit, service_path(stage, model))
    (step,) = desk.repository.commits([changed])
    verdict = _verdict(desk, source, wanted, placement.rollout, since=step.time)
    canary = wanted.slots[-1]
    found = Judgement(wanted.name, canary.digest, canary.percent, step.time, verdict)
    if dry_run or placement.rollout.judge != "auto":
        return found
    return _enacted(desk, wanted, placement.rollout, found)


def _verdict(
    desk: Workspace, source: CountSource, wanted: Deployment, rollout: Rollout, *, since: datetime
) -> CanaryVerdict:
    try:
        stable, canary = _counted(source, wanted, since, desk.clock())
    except (Unavailable, InvalidInput, NotFound) as error:
        percent = wanted.slots[-1].percent
        raise Unavailable(
            f"no verdict on {wanted.name}, the canary stays at {percent} percent: {error.message}",
            hint=error.hint,
        ) from error
    judgements = (len(wanted.slots) - 1) * max(len(rollout.steps) - 1, 1)
    return verdict_on(stable, canary, Criteria.of(rollout.criteria), judgements)


def _counted(
    source: CountSource, wanted: Deployment, since: datetime, until: datetime
) -> tuple[Arm, ...]:
    if until - since > LONGEST:
        raise InvalidInput(
            f"the step began {(until - since).days} days ago: expected at most {LONGEST.days}",
            hint="decide by goldenpath rollout or goldenpath rollback",
        )
    releases = (wanted.slots[0].digest, wanted.slots[-1].digest)
    return source.arms(wanted.stage, wanted.model, releases, since, until=until)


def _enacted(desk: Workspace, wanted: Deployment, rollout: Rollout, found: Judgement) -> Judgement:
    verdict = found.verdict
    grounds = Grounds(found.canary, found.percent, verdict.numbers)
    words = f"{verdict.reason} ({verdict.requests} answers at {found.percent} percent)"
    model, stage = wanted.model, wanted.stage
    done, commit = None, ""
    if verdict.action == "advance":
        to = rollout.after(found.percent)
        done = roll_out(desk, model, stage, to, reason=words, grounds=grounds)
    elif verdict.action == "roll back":
        done = roll_back(desk, model, stage, reason=words, grounds=grounds)
    elif verdict.requests:
        commit = note_hold(
            desk, model, stage, state=verdict.state, reason=words, grounds=grounds
        ).commit
    return Judgement(
        found.name, found.canary, found.percent, found.since, verdict, done,
        done.commit if done else commit,
    )  # fmt: skip
