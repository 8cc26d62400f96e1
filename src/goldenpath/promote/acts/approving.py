"""A person's word over a release, and where the glass was broken the second person's commit."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.promote.acts.assess import Assessed, assess, deployment_of, placement_of
from goldenpath.promote.acts.promotion import Published, Workspace, deciding_anew, publish
from goldenpath.promote.gates.approval import LIFETIME, approval, why_not
from goldenpath.promote.manifests.deployment_files import release_path
from goldenpath.promote.manifests.placement import render_placement
from goldenpath.promote.platform.break_glass import BreakGlass
from goldenpath.promote.repository.chain_of_trust import Trusted, follow
from goldenpath.promote.repository.change import Change
from goldenpath.promote.repository.identity import require_listed
from goldenpath.promote.repository.pull_request import NOT_ASKED, MergeAnswer
from goldenpath.release.attest.attach import attach_ssh
from goldenpath.release.attest.policy import Person


@dataclass(frozen=True, slots=True)
class ApprovalEvidence:
    """A release before a person whose word counts there."""

    trusted: Trusted
    now: datetime
    person: Person
    assessed: Assessed


def seen(desk: Workspace, digest: Digest, stage: str, doing: str) -> ApprovalEvidence:
    """What there is to see at a desk. Raises `InvalidInput` if the person's word would not count.

    `doing` is a verb and its object, for that message.
    """
    trusted = follow(desk.repository, desk.pin)
    now = desk.clock()
    person = require_listed(desk.acting, trusted.platform, now)
    assessed = assess(desk.repository, trusted, desk.store, digest, stage, "", now)
    refused = why_not(person, assessed.evidence, assessed.stage)
    if refused:
        raise InvalidInput(f"{person.name} cannot {doing} for {stage}: {refused}")
    return ApprovalEvidence(trusted, now, person, assessed)


@dataclass(frozen=True, slots=True)
class Approved:
    """An approval that hangs on the release now."""

    person: str
    stage: str
    model: str
    digest: Digest
    envelope: Digest
    until: str
    evidence: tuple[Digest, ...]
    confirmed: str = ""
    """Who had broken the glass for this release that the approval stands for as well."""
    commit: str = ""
    """The commit that says so; empty without one."""
    branch: str = ""
    request: MergeAnswer = NOT_ASKED


def approve(
    desk: Workspace,
    digest: Digest,
    stage: str,
    *,
    comment: str = "",
    lifetime: timedelta = LIFETIME,
) -> Approved:
    """Signs an approval over what is there now, and hangs it on the release.

    Where the glass was broken for this release, this is the second person: a commit says so.
    Raises `InvalidInput` if the person could not approve here anyway.
    """
    before = seen(desk, digest, stage, f"approve {digest.short}")
    person, assessed, now = before.person, before.assessed, before.now
    model = assessed.evidence.model
    glass = _open_glass(desk, before.trusted, stage, model, digest)
    matching = [role for role in person.roles if role in assessed.stage.approver_roles]
    role = (matching or list(person.roles) or ["person"])[0]
    verified = assessed.evidence.verified
    statement = approval(
        digest,
        assessed.stage,
        role,
        verified,
        now,
        model=assessed.evidence.model,
        comment=comment,
        lifetime=lifetime,
    )
    image = desk.store.resolve(digest.text)
    hung = attach_ssh(desk.store, image, statement, desk.acting.key, now)
    done = Published("")
    if glass is not None:
        done = deciding_anew(
            desk, lambda at: _stand_for(desk, at, digest, (stage, model), hung.digest)
        )
    return Approved(
        person=person.name,
        stage=stage,
        model=assessed.evidence.model,
        digest=digest,
        envelope=hung.digest,
        until=(now + lifetime).isoformat(timespec="seconds"),
        evidence=assessed.decision.evidence,
        confirmed="" if glass is None else glass.by,
        commit=done.commit,
        branch=done.branch,
        request=done.request,
    )


def _open_glass(
    desk: Workspace, trusted: Trusted, stage: str, model: str, digest: Digest
) -> BreakGlass | None:
    """What was broken for this release and waits for somebody else than who broke it."""
    placement = placement_of(desk.repository, trusted, stage, model)
    glass = placement.glass if placement is not None and placement.digest == digest else None
    if glass is not None and glass.by == desk.acting.name:
        raise InvalidInput(f"{glass.by} broke the glass for {digest.short}: somebody else approves")
    return glass


def _stand_for(
    desk: Workspace, trusted: Trusted, digest: Digest, place: tuple[str, str], approval: Digest
) -> Published:
    """Commits that a second person stands for the release; nothing if it is gone meanwhile."""
    stage, model = place
    glass = _open_glass(desk, trusted, stage, model, digest)
    placement = placement_of(desk.repository, trusted, stage, model)
    current = deployment_of(desk.repository, trusted, stage, model)
    if glass is None or placement is None or current is None:
        return Published("")
    after = replace(placement, approvals=(*placement.approvals, approval), glass=None)
    share = next((slot.percent for slot in current.slots if slot.digest == digest), 0)
    change = Change(
        "confirm", stage, model, digest, f"stands for what {glass.by} did: {glass.reason}", share,
        decision=placement.decision, approved_by=(desk.acting.name,), confirms=glass.by,
    )  # fmt: skip
    files: dict[str, bytes | None] = {release_path(stage, model): render_placement(after)}
    return publish(desk, trusted, files, change, desk.clock())
