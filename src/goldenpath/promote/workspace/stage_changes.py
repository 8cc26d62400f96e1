"""Changes of a stage: each function reads its scene, lets the act decide, and publishes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from goldenpath.digest import Digest
from goldenpath.promote.acts import approving, holding, promotion, rolling, waiving
from goldenpath.promote.acts.holding import DeploymentUse, RetirementScene
from goldenpath.promote.acts.intents import (
    Approval,
    GateWaiver,
    PromotionIntent,
    StageChange,
    TrustIntent,
    Unchanged,
)
from goldenpath.promote.acts.promotion import PromotionWish
from goldenpath.promote.acts.rolling import Grounds
from goldenpath.promote.gates.approval import LIFETIME, SeenReport
from goldenpath.promote.manifests.deployment_files import deployment_folder
from goldenpath.promote.manifests.desired import Rollout
from goldenpath.promote.manifests.placement import check_steps
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.promote.workspace.scene_reader import (
    read_release,
    read_rollback,
    read_stage,
    read_trust,
)
from goldenpath.promote.workspace.workspace import Outcome, Workspace, enact, newest, publish


def hold(workspace: Workspace, model: str, stage: str, reason: str) -> Outcome[StageChange]:
    """Keep the deployment as it is until a person resumes; only going back stays possible."""
    return enact(
        workspace,
        lambda trusted: read_stage(workspace, trusted, stage, model),
        lambda scene: holding.hold(scene, reason),
    )


def resume(workspace: Workspace, model: str, stage: str, reason: str) -> Outcome[StageChange]:
    """End a hold. Raises `AlreadyDone` if there is none."""
    return enact(
        workspace,
        lambda trusted: read_stage(workspace, trusted, stage, model),
        lambda scene: holding.resume(scene, reason),
    )


def roll_out(
    workspace: Workspace,
    model: str,
    stage: str,
    to: int | None,
    *,
    reason: str = "",
    grounds: Grounds | None = None,
) -> Outcome[StageChange]:
    """Give the canary `to` percent of the traffic, or its next step; 100 makes it stable."""
    return enact(
        workspace,
        lambda trusted: read_stage(workspace, trusted, stage, model),
        lambda scene: rolling.roll_out(scene, to, reason, grounds),
    )


def roll_back(
    workspace: Workspace,
    model: str,
    stage: str,
    *,
    reason: str,
    to: Digest | None = None,
    grounds: Grounds | None = None,
) -> Outcome[StageChange]:
    """Take the canary away, or go back to the previous release, or to an earlier stable one."""
    return enact(
        workspace,
        lambda trusted: read_rollback(workspace, trusted, stage, model, to=to),
        lambda scene: rolling.roll_back(scene, reason, grounds),
    )


def note_hold(
    workspace: Workspace, model: str, stage: str, *, state: str, reason: str, grounds: Grounds
) -> Outcome[StageChange | Unchanged]:
    """Commit that the judge holds the canary, once for each step and state."""
    return enact(
        workspace,
        lambda trusted: read_stage(workspace, trusted, stage, model),
        lambda scene: rolling.note_hold(scene, state, reason, grounds),
    )


def promote(
    workspace: Workspace,
    digest: Digest,
    stage: str,
    *,
    steps: tuple[int, ...] = (100,),
    rollout: Rollout | None = None,
    reason: str = "",
    break_glass: str = "",
    change: str = "",
    dry_run: bool = False,
) -> Outcome[PromotionIntent]:
    """Bring `digest` into `stage`, as a canary if the first step is below 100.

    `break_glass` is the reason for break-glass; empty for a regular promotion. `change` is the ID
    of the bank's change. A dry run shows what would change. Raises `InvalidInput` if the stage is
    not in a state to accept a release.
    """
    plan = rollout or Rollout(steps)
    check_steps(plan.steps, "--canary")
    wish = PromotionWish(plan, reason, break_glass, change)
    return enact(
        workspace,
        lambda trusted: read_release(workspace, trusted, digest, stage, promotes=True),
        lambda scene: promotion.promote(scene, wish),
        dry_run=dry_run,
    )


def approve(
    workspace: Workspace,
    digest: Digest,
    stage: str,
    *,
    comment: str = "",
    lifetime: timedelta = LIFETIME,
    report: SeenReport | None = None,
) -> Outcome[Approval]:
    """Sign an approval of the present evidence, and attach it to the release.

    `report` is the report that the person saw; its digest and gaps are signed with it.
    After break-glass for this release, the approval is the second person's, and a commit ends it.
    """
    scene = read_release(workspace, newest(workspace), digest, stage, promotes=False)
    outcome = publish(workspace, approving.approve(scene, comment, lifetime, report))
    envelope = outcome.envelope
    if not outcome.intent.confirms or envelope is None:
        return outcome
    second = enact(
        workspace,
        lambda trusted: read_stage(workspace, trusted, stage, outcome.intent.model),
        lambda scene: approving.confirm_break_glass(scene, digest, envelope),
    )
    return replace(outcome, commit=second.commit, branch=second.branch, request=second.request)


def waive(
    workspace: Workspace, digest: Digest, gate: str, stage: str, *, reason: str, until: datetime
) -> Outcome[GateWaiver]:
    """Sign a waiver of a gate that is closed now, and attach it to the release."""
    scene = read_release(workspace, newest(workspace), digest, stage, promotes=False)
    return publish(workspace, waiving.waive(scene, gate, reason, until))


def retire(
    workspace: Workspace, model: str, stage: str, reason: str, *, use: Callable[[], DeploymentUse]
) -> Outcome[TrustIntent]:
    """End a model in a stage, or propose that to a second person; `use` finds out who uses it."""

    def read(trusted: Trusted) -> RetirementScene:
        scene = read_stage(workspace, trusted, stage, model)
        files = workspace.repository.files(trusted.commit, deployment_folder(stage, model))
        trust = read_trust(workspace, trusted, tuple(files))
        return RetirementScene(scene, trust, files, use())

    return enact(workspace, read, lambda scene: holding.retire(scene, reason))
