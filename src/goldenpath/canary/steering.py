"""Moves canaries by the judge's verdict: each step and each step back is a signed commit.

Only rollouts whose `release.yaml` says `judge: auto` are moved, and only by a commit that everybody
can read: the numbers are in it. Git stays the one way to change a stage, for a machine too.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from goldenpath.canary.analysis import CanaryVerdict, Criteria
from goldenpath.canary.arms import verdicts
from goldenpath.canary.judge import CanaryStep, enact
from goldenpath.deploy.reconcile.status import DeploymentStatus, SlotStatus, Status
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, Stalled
from goldenpath.promote.acts.intents import StageChange
from goldenpath.promote.manifests.deployment_files import release_path
from goldenpath.promote.manifests.desired import Rollout
from goldenpath.promote.manifests.placement import parse_placement
from goldenpath.promote.repository.worktree import Repository
from goldenpath.promote.workspace.workspace import Outcome, Workspace
from goldenpath.serve.gateway.tally import Tally

LOOK_AGAIN = timedelta(minutes=1)
"""How soon a canary that a person or a calendar keeps is looked at again without a commit."""

Moves = Literal["rollout.stepped", "rollout.rolled-back"]
Moved = Callable[[Moves, Digest, Outcome[StageChange]], None]
Plans = Callable[[str, str], Rollout]
"""The rollout of a deployment (`stage/model`) as it stands in a commit."""


def plans(repository: Repository) -> Plans:
    """Rollouts out of the gitops repository, those of the last commit remembered."""
    known: dict[str, Rollout] = {}
    last = ""

    def plan(commit: str, name: str) -> Rollout:
        nonlocal last
        if commit != last:
            known.clear()
            last = commit
        if name not in known:
            path = release_path(*name.split("/", 1))
            content = repository.read(commit, path)
            known[name] = parse_placement(content, path).rollout if content else Rollout()
        return known[name]

    return plan


def judged(status: Status, each: DeploymentStatus, rollout: Rollout) -> Mapping[str, CanaryVerdict]:
    """The verdict on every canary of a deployment, by slot, from what was counted."""
    return verdicts(
        each.name,
        [slot.name for slot in each.running],
        msgspec.convert(status.tallies or {}, dict[str, Tally]),
        Criteria.of(rollout.criteria),
        answers=status.answers,
        steps=max(len(rollout.steps) - 1, 1),
    )


class Steering:
    """Looks at every canary that a machine may move; called about once a second."""

    def __init__(self, workspace: Workspace, moved: Moved, say: Callable[[str], None]) -> None:
        self._workspace = workspace
        self._plans = plans(workspace.repository)
        self._moved = moved
        self._say = say
        self._settled: dict[str, tuple[str, str]] = {}
        """By deployment: the commit whose canary was dealt with, and until when that is enough."""
        self._noted: set[tuple[str, str, int, str]] = set()
        """Holds that are on record: deployment, canary, percent and state."""

    def __call__(self, status: Status) -> bool:
        """Whether it changed what git wants."""
        return any(self._steer(status, each) for each in status.deployments if _is_canary(each))

    def _steer(self, status: Status, each: DeploymentStatus) -> bool:
        commit, until = self._settled.get(each.name, ("", ""))
        if commit == status.commit and (not until or status.time < until):
            return False
        try:
            rollout = self._plans(status.commit, each.name)
            if rollout.judge != "auto":
                return False
            canary = each.running[-1]
            verdict = judged(status, each, rollout)[canary.name]
            has_changed = self._enact(each, canary, rollout, verdict)
            if verdict.action == "hold":
                return has_changed
        except Stalled as error:
            # A person keeps it until git changes; a calendar ends by itself.
            again = datetime.fromisoformat(status.time) + LOOK_AGAIN
            self._settled[each.name] = (status.commit, again.isoformat())
            if commit != status.commit:
                self._say(f"{each.name}: the canary stays as it is: {error.message}")
            return False
        except GoldenPathError as error:
            self._say(f"{each.name}: the canary is not moved: {error.message}")
            return False
        self._settled[each.name] = (status.commit, "")
        return True

    def _enact(
        self,
        status: DeploymentStatus,
        canary: SlotStatus,
        rollout: Rollout,
        verdict: CanaryVerdict,
    ) -> bool:
        """Whether git wants something else now; a reason to hold is put on record once."""
        stage, model = status.name.split("/", 1)
        key = (status.name, canary.digest, canary.percent, verdict.state)
        if verdict.action == "hold" and (not verdict.requests or key in self._noted):
            return False
        step = CanaryStep(stage, model, Digest(canary.digest), canary.percent, rollout)
        enacted = enact(self._workspace, step, verdict)
        if enacted.outcome is None:
            # A canary that comes back later, after a rollback, begins anew.
            others = {k for k in self._noted if k[:3] == key[:3] or k[0] != status.name}
            self._noted = others | {key}
        elif verdict.action == "advance":
            self._moved("rollout.stepped", step.release, enacted.outcome)
        else:
            stable = Digest(status.running[0].digest)
            self._moved("rollout.rolled-back", stable, enacted.outcome)
        self._say(f"{status.name}: {verdict.action}: {enacted.reason}")
        return bool(enacted.commit)


def _is_canary(each: DeploymentStatus) -> bool:
    return len(each.running) > 1 and each.phase == "ready" and each.running == each.wanted
