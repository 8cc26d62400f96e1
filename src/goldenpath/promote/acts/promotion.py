"""Promotion: a release enters a stage if every gate is open, fully or as a canary."""

from dataclasses import dataclass

from goldenpath.digest import Digest
from goldenpath.errors import AlreadyDone, InvalidInput, Stalled
from goldenpath.promote.acts.assessment import Assessed, assessed
from goldenpath.promote.acts.intents import Declined, StageChange, stage_change
from goldenpath.promote.acts.scene import ReleaseScene, StageScene
from goldenpath.promote.gates.gate import Decision
from goldenpath.promote.manifests.desired import (
    Deployment,
    FileForm,
    Placement,
    Rollout,
    Slot,
    slot_name,
)
from goldenpath.promote.manifests.object_names import length_refusal
from goldenpath.promote.manifests.restrictions import is_change_id
from goldenpath.promote.platform.platform import Stage
from goldenpath.promote.repository.commit_message import CommitMessage
from goldenpath.release.attest.policy import Verified
from goldenpath.release.evidence.training_statements import origin_of


@dataclass(frozen=True, slots=True)
class PromotionWish:
    """The options of a promotion."""

    rollout: Rollout
    reason: str = ""
    """The reason in the commit; if it is empty, a summary of the gates."""
    break_glass: str = ""
    """The reason for break-glass; empty for a regular promotion."""
    change: str = ""
    """The ID of the bank's change; some stages demand one."""


def promote(scene: ReleaseScene, wish: PromotionWish) -> StageChange | Declined:
    """Bring the release into the stage, as a canary if the first step is below 100.

    A closed gate is a value: the decision holds what failed. Raises `InvalidInput` or `Stalled` if
    the stage is not in a state to accept a release.
    """
    stage, evidence = scene.stage, scene.evidence
    require_change(stage.stage, wish.change)
    # First: a gate that has closed since is no reason to refuse what is done.
    _refuse_repeated(stage, evidence.digest, wish.rollout.steps[0])
    assessment = assessed(evidence, stage.stage, stage.now, wish.break_glass)
    if not assessment.decision.allowed:
        return Declined(assessment.decision, assessment.approved_by)
    _require_free(stage)
    desired = deployment_with(stage, evidence.digest, wish.rollout.steps[0])
    return _change(scene, assessment, desired, wish)


def require_change(stage: Stage, change: str) -> None:
    """Raise `InvalidInput` if the stage demands a change that is not named, or it has no form."""
    if change and not is_change_id(change):
        raise InvalidInput(
            f"{change[:80]!r} is no ID of a change: expected letters, digits and ._/#-, at most 64"
        )
    if stage.change_id and not change:
        raise InvalidInput(
            f"{stage.name} demands the ID of a change", hint="name it with --change ID"
        )


def deployment_with(scene: StageScene, digest: Digest, percent: int) -> Deployment:
    """Return the deployment in which `digest` has `percent` of the traffic.

    A first release gets all of it. Raises `InvalidInput` during a canary, or if `digest` runs.
    """
    current, model = scene.deployment, scene.model
    if current is None:
        refused = length_refusal(model, [each.name for each in scene.platform.stages])
        if refused:
            raise InvalidInput(refused, hint="build the model under a shorter name")
        # Knative splits the traffic of one service itself.
        form: FileForm = "single" if scene.platform.cluster.profile == "knative" else "routed"
        first = (Slot(slot_name(digest), digest, 100),)
        return Deployment(scene.stage.name, model, first, form=form)
    stable, *canaries = current.slots
    if canaries:
        raise InvalidInput(
            f"{current.name} has a canary in progress: {canaries[0].digest.short} "
            f"at {canaries[0].percent} percent",
            hint=f"finish it first: goldenpath rollout {model} --stage {current.stage}, or "
            f"goldenpath rollback {model} --stage {current.stage} --reason …",
        )
    if stable.digest == digest:
        raise AlreadyDone(f"{current.name} runs {digest.short} already: nothing to do")
    if percent >= 100:
        slots: tuple[Slot, ...] = (Slot(slot_name(digest), digest, 100, stable.replicas),)
    else:
        kept = Slot(stable.name, stable.digest, 100 - percent, stable.replicas)
        # If the stable release may scale to zero, its canary may too.
        slots = (kept, Slot(slot_name(digest), digest, percent, min(stable.replicas, 1)))
    return current.moved_to(slots)


def _refuse_repeated(scene: StageScene, digest: Digest, percent: int) -> None:
    """Raise `AlreadyDone` if the release is in the stage as it is wanted."""
    if scene.deployment is None:
        return
    stable, *canaries = scene.deployment.slots
    # Only a first promotion gives a release all of the traffic whatever its first step is.
    runs = [slot for slot in canaries if slot.percent == percent] if canaries else [stable]
    if any(slot.digest == digest for slot in runs):
        raise AlreadyDone(f"{scene.name} runs {digest.short} already: nothing to do")


def source_of(verified: Verified) -> tuple[str, str]:
    """Return the repository and commit of the release, from its provenance."""
    origin = origin_of(verified)
    return ("", "") if origin is None else (origin.repository, origin.commit)


def _change(
    scene: ReleaseScene, assessment: Assessed, desired: Deployment, wish: PromotionWish
) -> StageChange:
    stage, decision, digest = scene.stage, assessment.decision, scene.evidence.digest
    repository, commit = source_of(scene.evidence.verified)
    previous = None if stage.deployment is None else stage.deployment.slots[0].digest
    placement = Placement(
        digest,
        previous,
        repository,
        commit,
        wish.rollout,
        decision.approvals,
        None,
        hold=_hold(scene),
        break_glass=decision.break_glass,
    )
    message = CommitMessage(
        "promote",
        desired.stage,
        desired.model,
        digest,
        wish.reason or (decision.break_glass.reason if decision.break_glass else _reason(decision)),
        share=desired.slots[-1].percent,
        previous=previous,
        approved_by=assessment.approved_by,
        break_glass=decision.break_glass,
        change=wish.change,
    )
    return stage_change(stage, desired, placement, message, decision=decision)


def _hold(scene: ReleaseScene) -> str:
    """Return why the deployment goes on hold: somebody chose an older release than the one there.

    Where nothing runs, such as after a retirement, no release is older.
    """
    is_older = scene.was_here and scene.stage.deployment is not None
    return f"{scene.stage.person.name} chose an older release" if is_older else ""


def _require_free(scene: StageScene) -> None:
    """Raise `Stalled` if a hold or open break-glass lets no release follow."""
    placement, stage = scene.placement, scene.stage.name
    if placement is not None and placement.hold:
        raise Stalled(
            f"{scene.name} is on hold: {placement.hold}",
            hint=f"goldenpath resume {scene.model} --stage {stage} --reason …",
        )
    if placement is not None and placement.break_glass is not None:
        raise Stalled(
            f"nothing follows {placement.digest.short} into {stage} yet: "
            f"{placement.break_glass.summary(scene.now)}",
            hint=f"goldenpath approve {placement.digest} --stage {stage} by somebody else, "
            "or goldenpath rollback",
        )


def _reason(decision: Decision) -> str:
    passed = sum(finding.status == "pass" for finding in decision.findings)
    return f"{passed} of {len(decision.findings)} gates passed, none failed"
