"""Hold, resume and retirement: a person keeps a deployment as it is, or ends it.

A retirement removes the files of the deployment, so every follower stops its servers once they have
answered what they had begun. All evidence stays, and a promotion brings the model back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from goldenpath.errors import AlreadyDone, InvalidInput, NotFound, Stalled
from goldenpath.promote.acts.intents import StageChange, TrustChange, TrustIntent, stage_change
from goldenpath.promote.acts.proposal import proposal_of
from goldenpath.promote.acts.scene import StageScene, TrustScene
from goldenpath.promote.manifests.commit_rights import is_guarded
from goldenpath.promote.manifests.desired import Deployment
from goldenpath.promote.platform.model_limits import limit_refusal
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.promote.repository.commit_message import RETIRE, CommitMessage


@dataclass(frozen=True, slots=True)
class DeploymentUse:
    """Who uses a deployment, as far as that can be found out."""

    by: tuple[str, ...]
    """One sentence for each use that is known; while there is one, nothing is retired."""
    unknown: tuple[str, ...]
    """What could not be found out. It stands in the commit and stops nothing."""


@dataclass(frozen=True, slots=True)
class RetirementScene:
    """A model in a stage, all files in its folder, and who uses it."""

    stage: StageScene
    trust: TrustScene
    files: Mapping[str, bytes]
    use: DeploymentUse


def hold(scene: StageScene, reason: str) -> StageChange:
    """Keep the deployment as it is until a person resumes; only going back stays possible."""
    _, placement = scene.present
    scene.require_person()
    if placement.hold:
        raise AlreadyDone(f"{scene.name} is on hold already: {placement.hold}")
    return _set_hold(scene, "hold", f"{scene.person.name}: {reason}", reason)


def resume(scene: StageScene, reason: str) -> StageChange:
    """End a hold. Raises `AlreadyDone` if there is none."""
    _, placement = scene.present
    scene.require_person()
    if not placement.hold:
        raise AlreadyDone(f"{scene.name} is not on hold: nothing to resume")
    return _set_hold(scene, "resume", "", reason)


def _set_hold(scene: StageScene, action: str, hold: str, reason: str) -> StageChange:
    current, placement = scene.present
    share = current.slots[-1].percent
    message = CommitMessage(action, scene.stage.name, scene.model, placement.digest, reason, share)
    return stage_change(scene, current, replace(placement, hold=hold), message)


def refuse_used(name: str, use: DeploymentUse) -> None:
    """Raise `Stalled` if somebody is known to use the deployment `stage/model`."""
    if use.by:
        raise Stalled(
            f"{name} is used: {'; '.join(use.by)}",
            hint="let its callers and batch jobs end, then try again",
        )


def needs_two(stage: Stage, platform: Platform) -> bool:
    """Whether a second person has to confirm that a model leaves the stage."""
    return stage.approvals > 0 or (platform.two_people and is_guarded(stage, platform))


def retire(scene: RetirementScene, reason: str) -> TrustIntent:
    """Return the commit that ends the model in the stage, or its proposal to a second person.

    Raises `NotFound` if it is not there, `Stalled` while it is used or on hold, and `InvalidInput`
    during a canary.
    """
    stage = scene.stage
    stage.require_person()
    deployment = _ready(stage)
    refuse_used(stage.name, scene.use)
    message = CommitMessage(
        RETIRE,
        stage.stage.name,
        stage.model,
        deployment.slots[0].digest,
        reason,
        share=0,
        not_known=scene.use.unknown,
    ).render()
    files: dict[str, bytes | None] = dict.fromkeys(sorted(scene.files))
    if needs_two(stage.stage, stage.platform):
        return proposal_of(scene.trust, files, message)
    return TrustChange(stage.commit, stage.now, files, message, (stage.person.name,))


def _ready(stage: StageScene) -> Deployment:
    """Return the deployment. Raises if it is not in a state in which it may leave."""
    deployment, placement = stage.deployment, stage.placement
    if deployment is None:
        raise NotFound(f"{stage.model} is not in {stage.stage.name}", hint=stage.hint)
    refused = limit_refusal(stage.person, stage.platform.role_limits, stage.model)
    if refused:
        raise InvalidInput(f"{stage.person.name} {refused}")
    model, name = stage.model, stage.stage.name
    if placement is not None and placement.hold:
        raise Stalled(
            f"{stage.name} is on hold: {placement.hold}",
            hint=f"goldenpath resume {model} --stage {name} --reason …",
        )
    if len(deployment.slots) > 1:
        raise InvalidInput(
            f"{stage.name} has a canary in progress",
            hint=f"finish it first: goldenpath rollout {model} --stage {name}, or "
            f"goldenpath rollback {model} --stage {name} --reason …",
        )
    return deployment
