"""Approval: a person signs a release and its evidence; after break-glass as the second one."""

from dataclasses import replace
from datetime import timedelta

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.promote.acts.assessment import Assessed, assessed
from goldenpath.promote.acts.intents import Approval, StageChange, Unchanged
from goldenpath.promote.acts.scene import ReleaseScene, StageScene
from goldenpath.promote.gates.approval import LIFETIME, approval, why_not
from goldenpath.promote.platform.break_glass import BreakGlass
from goldenpath.promote.repository.commit_message import CommitMessage


def approve(scene: ReleaseScene, comment: str = "", lifetime: timedelta = LIFETIME) -> Approval:
    """The approval of the release with the evidence that is there now.

    Raises `InvalidInput` if the person could not approve here anyway.
    """
    stage, person, digest = scene.stage, scene.stage.person, scene.evidence.digest
    verdict = seen(scene, f"approve {digest.short}")
    glass = _open_glass(stage, digest)
    matching = [role for role in person.roles if role in stage.stage.approver_roles]
    statement = approval(
        digest,
        stage.stage,
        (matching or list(person.roles) or ["person"])[0],
        scene.evidence.verified,
        now=stage.now,
        model=stage.model,
        comment=comment,
        lifetime=lifetime,
    )
    return Approval(
        person=person.name,
        stage=stage.stage.name,
        model=stage.model,
        digest=digest,
        time=stage.now,
        until=stage.now + lifetime,
        statement=statement,
        evidence=verdict.decision.evidence,
        confirms="" if glass is None else glass.by,
    )


def confirm_glass(scene: StageScene, digest: Digest, envelope: Digest) -> StageChange | Unchanged:
    """Ends break-glass for the release: the person whose approval is `envelope` stands for it too.

    Nothing is written if the release is gone meanwhile, or somebody else was faster.
    """
    glass = _open_glass(scene, digest)
    current, placement = scene.deployment, scene.placement
    if glass is None or placement is None or current is None:
        return Unchanged()
    message = CommitMessage(
        "confirm",
        scene.stage.name,
        scene.model,
        digest,
        f"stands for what {glass.by} did: {glass.reason}",
        next((slot.percent for slot in current.slots if slot.digest == digest), 0),
        decision=placement.decision,
        approved_by=(scene.person.name,),
        confirms=glass.by,
    )
    after = replace(placement, approvals=(*placement.approvals, envelope), glass=None)
    return StageChange(scene.commit, scene.now, current, after, {}, message)


def seen(scene: ReleaseScene, doing: str) -> Assessed:
    """What the person who signs sees. Raises `InvalidInput` if their signature would not count.

    `doing` is a verb and its object, for that message.
    """
    stage, person = scene.stage.stage, scene.stage.person
    verdict = assessed(scene.evidence, stage, scene.stage.now)
    refused = why_not(person, scene.evidence, stage)
    if refused:
        raise InvalidInput(f"{person.name} cannot {doing} for {stage.name}: {refused}")
    return verdict


def _open_glass(scene: StageScene, digest: Digest) -> BreakGlass | None:
    """The break-glass record of this release that waits for somebody else than who used it."""
    placement = scene.placement
    glass = placement.glass if placement is not None and placement.digest == digest else None
    if glass is not None and glass.by == scene.person.name:
        raise InvalidInput(f"{glass.by} broke the glass for {digest.short}: somebody else approves")
    return glass
