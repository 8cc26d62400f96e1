"""May this release run in this stage? Asked before anything of it is loaded."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.oci.store import Store
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.promote.gates.approval import confirmed, stood_for
from goldenpath.promote.gates.waiver import Excuse, excuses
from goldenpath.promote.manifests.desired import Deployment
from goldenpath.promote.platform.break_glass import BreakGlass, may_break
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.release.attest.policy import Finding, SignedStatement, Verified
from goldenpath.release.attest.statement import DECISION, member
from goldenpath.release.attest.verify import verify


def admit(
    store: Store,
    platform: Platform,
    deployment: Deployment,
    digest: Digest,
    *,
    now: datetime,
    glass: BreakGlass | None = None,
) -> tuple[Finding, ...]:
    """Every check of a release for a stage; admitted if none failed.

    `glass` is what git says was broken for the deployment and waits for a second person. Every
    byte of the image is read. Raises `NotFound` if the store has no such release.
    """
    verified = verified_whole(store, platform, digest, now)
    return judged(verified, platform, deployment, now, glass=glass)


def verified_whole(store: Store, platform: Platform, digest: Digest, now: datetime) -> Verified:
    """What counts about a release, with every byte of the image read.

    Raises `NotFound` if the store has no such release.
    """
    policy = release_policy(platform)
    return verify(store, digest, policy, people=platform.people, now=now, blobs=True)


def judged(
    verified: Verified,
    platform: Platform,
    deployment: Deployment,
    now: datetime,
    *,
    glass: BreakGlass | None = None,
) -> tuple[Finding, ...]:
    """What follows for a deployment from what counts about a release."""
    stage = platform.stage(deployment.stage)
    if stage is None:
        raise InvalidInput(f"the stage {deployment.stage!r} is not in platform.toml")
    decided = decisions(verified, stage, platform, deployment.model, now=now, glass=glass)
    return (*verified.findings, *decided)


def missing(verified: Verified, named: Collection[Digest]) -> tuple[Digest, ...]:
    """Envelopes that a commit counts on and that the store did not give, sorted.

    `named` are those that the commit names. A decision among them cites what it rests on: those
    approvals, waivers and statements of machines are counted on as well.
    """
    wanted = set(named)
    for decision in verified.of_type(DECISION):
        if decision.envelope in wanted:
            wanted.update(_cited(decision))
    return tuple(sorted(wanted - verified.present))


def _cited(decision: SignedStatement) -> Iterator[Digest]:
    for key in ("approvals", "waivers", "evidence"):
        listed = decision.statement.predicate.get(key)
        for text in listed if isinstance(listed, list) else ():
            with suppress(InvalidInput):  # no digest: nothing that could still arrive
                yield Digest(str(text))


def decisions(
    verified: Verified,
    stage: Stage,
    platform: Platform,
    model: str,
    *,
    now: datetime,
    glass: BreakGlass | None,
) -> tuple[Finding, ...]:
    """Where a stage has gates, somebody who is listed must have signed their verdict.

    Behind it stand the approvals of the stage, and a waiver for each gate that was waived: all
    checked again here, as of the decision. A waiver that has ended since then is told.
    """
    if not stage.gates:
        said = f"the stage {stage.name} has no gates"
        return (Finding("decision", "not applicable", said),)
    standing = _standing(verified, stage, platform, model, glass=glass)
    if standing is None:
        return (
            Finding(
                "decision",
                "fail",
                f"nobody who is listed has signed a promotion to {stage.name} that "
                f"{stage.approvals} approvals, and a waiver for each gate that was waived, "
                "stand behind",
                f"run goldenpath promote {verified.subject.short} --stage {stage.name}",
            ),
        )
    by = f", approved by {', '.join(standing.approved)}" if standing.approved else ""
    said = f"promoted to {stage.name} by {standing.signer}{by}"
    waived = (Finding("waiver", "waived", each.said(now)) for each in standing.excused)
    return (Finding("decision", "pass", said), *waived)


def lapsed(
    verified: Verified,
    stage: Stage,
    platform: Platform,
    model: str,
    *,
    now: datetime,
    glass: BreakGlass | None,
) -> tuple[str, ...]:
    """Waivers that a release in a stage rests on, and that have ended, in words."""
    standing = _standing(verified, stage, platform, model, glass=glass)
    excused = () if standing is None else standing.excused
    return tuple(each.said(now) for each in excused if each.until <= now)


@dataclass(frozen=True, slots=True)
class _Standing:
    """A decision that counts, and who and what stands behind it."""

    signer: str
    approved: tuple[str, ...]
    excused: tuple[Excuse, ...]


def _standing(
    verified: Verified, stage: Stage, platform: Platform, model: str, *, glass: BreakGlass | None
) -> _Standing | None:
    for signed in verified.of_type(DECISION):
        said = signed.statement.predicate
        place = (said.get("stage"), said.get("model"))
        if place != (stage.name, model) or said.get("allowed") is not True:
            continue
        approved = confirmed(signed, verified, stage, platform.people)
        needed = stage.approvals
        if stage.glass is not None and _is_glass(signed, verified, stage, platform, glass=glass):
            needed = min(stage.approvals, stage.glass.approvals)
        excused = excuses(signed, verified, stage, platform.people)
        if len(approved) >= needed and excused is not None:
            return _Standing(signed.signer, approved, excused)
    return None


def _is_glass(
    decision: SignedStatement,
    verified: Verified,
    stage: Stage,
    platform: Platform,
    *,
    glass: BreakGlass | None,
) -> bool:
    """Whether who may broke the glass, and git says so until a second person stands for it."""
    by = member(decision.statement.predicate.get("breakGlass"), "by")
    person = next((each for each in platform.people if each.name == decision.signer), None)
    if stage.glass is None or person is None or by != person.name:
        return False
    is_open = glass is not None and glass.by == by
    second = stood_for(decision, verified, stage, platform.people)
    return may_break(person, stage.glass) and (is_open or bool(second))
