"""Approval: a person approves a release and its evidence, also as second person of break-glass."""

from dataclasses import replace
from datetime import timedelta

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.promote.acts.assessment import Assessed, assessed
from goldenpath.promote.acts.intents import Approval, StageChange, Unchanged
from goldenpath.promote.acts.scene import ReleaseScene, StageScene
from goldenpath.promote.gates.approval import LIFETIME, SeenReport, approval, why_not
from goldenpath.promote.platform.break_glass import BreakGlass
from goldenpath.promote.repository.commit_message import CommitMessage


def approve(
    scene: ReleaseScene,
    comment: str = "",
    lifetime: timedelta = LIFETIME,
    report: SeenReport | None = None,
) -> Approval:
    """Return the approval of the release with its present evidence.

    Raises `InvalidInput` if the person's approval would not be valid here.
    """
    stage, person, digest = scene.stage, scene.stage.person, scene.evidence.digest
    assessment = assessment_to_sign(scene, f"approve {digest.short}")
    break_glass = _open_break_glass(stage, digest)
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
        findings=[each for each in assessment.decision.findings if each.check != "approvals"],
        report=report,
    )
    return Approval(
        person=person.name,
        stage=stage.stage.name,
        model=stage.model,
        digest=digest,
        time=stage.now,
        until=stage.now + lifetime,
        statement=statement,
        evidence=assessment.decision.evidence,
        confirms="" if break_glass is None else break_glass.by,
    )


def confirm_break_glass(
    scene: StageScene, digest: Digest, envelope: Digest
) -> StageChange | Unchanged:
    """End break-glass for the release by the second person's approval `envelope`.

    Nothing is written if the release is gone meanwhile, or somebody else was faster.
    """
    break_glass = _open_break_glass(scene, digest)
    current, placement = scene.deployment, scene.placement
    if break_glass is None or placement is None or current is None:
        return Unchanged()
    message = CommitMessage(
        "confirm",
        scene.stage.name,
        scene.model,
        digest,
        f"confirms the break-glass of {break_glass.by}: {break_glass.reason}",
        next((slot.percent for slot in current.slots if slot.digest == digest), 0),
        decision=placement.decision,
        approved_by=(scene.person.name,),
        confirms=break_glass.by,
    )
    after = replace(placement, approvals=(*placement.approvals, envelope), break_glass=None)
    return StageChange(scene.commit, scene.now, current, after, {}, message)


def assessment_to_sign(scene: ReleaseScene, action: str) -> Assessed:
    """Return the assessment that the person signs.

    `action` is a verb and its object, for the message. Raises `InvalidInput` if the person's
    signature would not be valid.
    """
    stage, person = scene.stage.stage, scene.stage.person
    verified = scene.evidence.verified
    if verified.unread:
        raise Unavailable(
            f"{person.name} cannot {action} for {stage.name}: its evidence is incomplete, "
            f"{verified.unread}",
            hint="run this again when all of it can be read: a signature covers what was seen",
        )
    assessment = assessed(scene.evidence, stage, scene.stage.now)
    refused = why_not(person, scene.evidence, stage)
    if refused:
        raise InvalidInput(f"{person.name} cannot {action} for {stage.name}: {refused}")
    return assessment


def _open_break_glass(scene: StageScene, digest: Digest) -> BreakGlass | None:
    """Return the open break-glass record of this release, if there is one.

    Raises `InvalidInput` if the person who acts is the one who used break-glass.
    """
    placement = scene.placement
    break_glass = (
        placement.break_glass if placement is not None and placement.digest == digest else None
    )
    if break_glass is not None and break_glass.by == scene.person.name:
        raise InvalidInput(
            f"{break_glass.by} used break-glass for {digest.short}: somebody else must approve"
        )
    return break_glass
