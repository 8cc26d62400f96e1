"""Decides whether a release may run in a stage, before anything of it is loaded."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.oci.store import Store
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.promote.gates.approval import confirmed, second_people
from goldenpath.promote.gates.waiver import Excuse, excuses
from goldenpath.promote.manifests.desired import Deployment
from goldenpath.promote.platform.break_glass import BreakGlass, may_use_break_glass
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.release.attest.policy import Finding, SignedStatement, Verified
from goldenpath.release.attest.statement import DECISION, cited, member
from goldenpath.release.attest.verify import verify


def admit(
    store: Store,
    platform: Platform,
    deployment: Deployment,
    digest: Digest,
    *,
    now: datetime,
    break_glass: BreakGlass | None = None,
) -> tuple[Finding, ...]:
    """Return the finding of every check of a release for a stage. It is admitted if none failed.

    `break_glass` is the break-glass record of the deployment that still waits for a second person.
    Every byte of the image is read. Raises `NotFound` if the store has no such release.
    """
    verified = verified_whole(store, platform, digest, now)
    return judged(verified, platform, deployment, now, break_glass=break_glass)


def verified_whole(store: Store, platform: Platform, digest: Digest, now: datetime) -> Verified:
    """Return what is verified about a release, after reading every byte of its image.

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
    break_glass: BreakGlass | None = None,
) -> tuple[Finding, ...]:
    """Return the findings for a deployment that follow from what is verified about its release."""
    stage = platform.stage(deployment.stage)
    if stage is None:
        raise InvalidInput(f"the stage {deployment.stage!r} is not in platform.toml")
    decided = decisions(
        verified, stage, platform, deployment.model, now=now, break_glass=break_glass
    )
    return (*verified.findings, *decided)


def missing(verified: Verified, named: Collection[Digest]) -> tuple[Digest, ...]:
    """Return the envelopes that a commit relies on and the store did not return, sorted.

    `named` are the envelopes that the commit names. A decision among them cites approvals,
    waivers and statements of machines: the commit relies on those as well.
    """
    wanted = set(named)
    for decision in verified.of_type(DECISION):
        if decision.envelope in wanted:
            wanted.update(cited(decision.statement.predicate))
    return tuple(sorted(wanted - verified.present))


def decisions(
    verified: Verified,
    stage: Stage,
    platform: Platform,
    model: str,
    *,
    now: datetime,
    break_glass: BreakGlass | None,
) -> tuple[Finding, ...]:
    """Return the findings about the signed decision that a stage with gates requires.

    A listed person must have signed it. The approvals of the stage and a waiver for each waived
    gate are checked again here, as of the time of the decision. A waiver that has ended since
    is mentioned in its finding.
    """
    if not stage.gates:
        message = f"the stage {stage.name} has no gates"
        return (Finding("decision", "not applicable", message),)
    standing = _standing(verified, stage, platform, model, break_glass=break_glass)
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
    message = f"promoted to {stage.name} by {standing.signer}{by}"
    waived = (Finding("waiver", "waived", each.summary(now)) for each in standing.excused)
    return (Finding("decision", "pass", message), *waived)


def lapsed(
    verified: Verified,
    stage: Stage,
    platform: Platform,
    model: str,
    *,
    now: datetime,
    break_glass: BreakGlass | None,
) -> tuple[str, ...]:
    """Return one sentence for each waiver that a release relies on and that has ended."""
    standing = _standing(verified, stage, platform, model, break_glass=break_glass)
    excused = () if standing is None else standing.excused
    return tuple(each.summary(now) for each in excused if each.until <= now)


@dataclass(frozen=True, slots=True)
class _Standing:
    """A valid decision, with the approvals and waivers that support it."""

    signer: str
    approved: tuple[str, ...]
    excused: tuple[Excuse, ...]


def _standing(
    verified: Verified,
    stage: Stage,
    platform: Platform,
    model: str,
    *,
    break_glass: BreakGlass | None,
) -> _Standing | None:
    for signed in verified.of_type(DECISION):
        predicate = signed.statement.predicate
        place = (predicate.get("stage"), predicate.get("model"))
        if place != (stage.name, model) or predicate.get("allowed") is not True:
            continue
        approved = confirmed(signed, verified, stage, platform.people)
        needed = stage.approvals
        if stage.break_glass is not None and _is_break_glass(
            signed, verified, stage, platform, break_glass=break_glass
        ):
            needed = min(stage.approvals, stage.break_glass.approvals)
        excused = excuses(signed, verified, stage, platform.people)
        if len(approved) >= needed and excused is not None:
            return _Standing(signed.signer, approved, excused)
    return None


def _is_break_glass(
    decision: SignedStatement,
    verified: Verified,
    stage: Stage,
    platform: Platform,
    *,
    break_glass: BreakGlass | None,
) -> bool:
    """Tell whether an allowed person used break-glass and git records it as open or confirmed."""
    by = member(decision.statement.predicate.get("breakGlass"), "by")
    person = next((each for each in platform.people if each.name == decision.signer), None)
    if stage.break_glass is None or person is None or by != person.name:
        return False
    is_open = break_glass is not None and break_glass.by == by
    second = second_people(decision, verified, stage, platform.people)
    return may_use_break_glass(person, stage.break_glass) and (is_open or bool(second))
