"""Moves canaries by the judge's verdict: each step and each rollback is a signed commit.

Only rollouts with `judge: auto` in `release.yaml` are moved. The commit holds the numbers of the
verdict. A machine too can change a stage only through git.
"""

import math
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
from goldenpath.times import ElapsedTime

LOOK_AGAIN = timedelta(minutes=1)
"""How soon a canary on hold or in a freeze is judged again if there is no new commit."""

Moves = Literal["rollout.stepped", "rollout.rolled-back"]
Moved = Callable[[Moves, Digest, Outcome[StageChange]], None]
Plans = Callable[[str, str], Rollout]
"""Returns the rollout of a deployment (`stage/model`) in a commit."""


def plans(repository: Repository) -> Plans:
    """Return a function that reads rollouts from the gitops repository, and caches one commit's."""
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


def judged(
    status: Status, deployment: DeploymentStatus, rollout: Rollout
) -> Mapping[str, CanaryVerdict]:
    """Return the verdict on every canary of a deployment, by slot, from the counts in `status`."""
    return verdicts(
        deployment.name,
        [slot.name for slot in deployment.running],
        msgspec.convert(status.tallies or {}, dict[str, Tally]),
        Criteria.of(rollout.criteria),
        answers=status.answers,
        steps=max(len(rollout.steps) - 1, 1),
    )


class Steering:
    """Judges every canary that a machine may move, and commits the verdict.

    It is called about once a second.
    """

    def __init__(self, workspace: Workspace, moved: Moved, report: Callable[[str], None]) -> None:
        self._workspace = workspace
        self._plans = plans(workspace.repository)
        self._moved = moved
        self._report = report
        self._elapsed = ElapsedTime()
        self._settled: dict[str, tuple[str, float]] = {}
        """By deployment: the commit whose canary needs no look, and for how many seconds."""
        self._failures: dict[str, str] = {}
        """By deployment: the failure that was reported last, until the canary can be judged."""
        self._recorded_holds: set[tuple[str, str, int, str]] = set()
        """Holds that are recorded: deployment, canary, percent and state."""

    def __call__(self, status: Status) -> bool:
        """Judge every canary in `status`; return whether the desired state in git was changed."""
        names = {each.name for each in status.deployments}
        self._failures = {name: each for name, each in self._failures.items() if name in names}
        return any(self._steer(status, each) for each in status.deployments if _is_canary(each))

    def _steer(self, status: Status, deployment: DeploymentStatus) -> bool:
        commit, until = self._settled.get(deployment.name, ("", 0.0))
        elapsed = self._elapsed.at(datetime.fromisoformat(status.time))
        if commit == status.commit and elapsed < until:
            return False
        try:
            rollout = self._plans(status.commit, deployment.name)
            if rollout.judge != "auto":
                return False
            canary = deployment.running[-1]
            verdict = judged(status, deployment, rollout)[canary.name]
            has_changed = self._enact(deployment, canary, rollout, verdict)
            self._failures.pop(deployment.name, None)
            if verdict.action == "hold":
                return has_changed
        except Stalled as error:
            # A hold ends only by a commit, but a freeze ends by itself: so look again later.
            again = elapsed + LOOK_AGAIN.total_seconds()
            self._settled[deployment.name] = (status.commit, again)
            if commit != status.commit:
                self._report(f"{deployment.name}: the canary stays as it is: {error.message}")
            return False
        except GoldenPathError as error:
            # This runs every second: only a new failure is worth a line.
            if self._failures.get(deployment.name) != error.message:
                self._failures[deployment.name] = error.message
                self._report(f"{deployment.name}: the canary is not moved: {error.message}")
            return False
        self._settled[deployment.name] = (status.commit, math.inf)
        return True

    def _enact(
        self,
        status: DeploymentStatus,
        canary: SlotStatus,
        rollout: Rollout,
        verdict: CanaryVerdict,
    ) -> bool:
        """Commit the verdict, a hold only once; return whether anything was committed."""
        stage, model = status.name.split("/", 1)
        key = (status.name, canary.digest, canary.percent, verdict.state)
        if verdict.action == "hold" and (not verdict.requests or key in self._recorded_holds):
            return False
        step = CanaryStep(stage, model, Digest(canary.digest), canary.percent, rollout)
        enacted = enact(self._workspace, step, verdict)
        if enacted.outcome is None:
            # Only holds of the present step are kept: a canary that comes back later starts again.
            kept = {k for k in self._recorded_holds if k[:3] == key[:3] or k[0] != status.name}
            self._recorded_holds = kept | {key}
        elif verdict.action == "advance":
            self._moved("rollout.stepped", step.release, enacted.outcome)
        else:
            stable = Digest(status.running[0].digest)
            self._moved("rollout.rolled-back", stable, enacted.outcome)
        self._report(f"{status.name}: {verdict.action}: {enacted.reason}")
        return bool(enacted.commit)


def _is_canary(deployment: DeploymentStatus) -> bool:
    running = deployment.running
    return len(running) > 1 and deployment.phase == "ready" and running == deployment.wanted
