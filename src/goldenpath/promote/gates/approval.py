"""Approvals: a person signs one digest, one stage and the exact evidence that they saw.

Other bytes, another stage or new evidence need a new approval.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.promote.gates.authorship import ReleaseChange, author_refusal
from goldenpath.promote.gates.gate import Evidence
from goldenpath.promote.platform.model_limits import limit_refusal, roles_on
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.release.attest.policy import Finding, Person, SignedStatement, Verified
from goldenpath.release.attest.statement import (
    APPROVAL,
    CHECKPOINT,
    OBSERVED,
    WAIVER,
    Statement,
    member,
    parse_time,
    render_time,
)

LIFETIME = timedelta(days=30)
"""How long an approval is valid by default."""


@dataclass(frozen=True, slots=True)
class SignedApproval:
    """One approval, and why it is not valid."""

    person: str
    envelope: Digest
    refused: str = ""
    """Why the approval is not valid; empty if it is."""


@dataclass(frozen=True, slots=True)
class SeenReport:
    """The report that an approver saw, and the gaps on its first page."""

    digest: Digest
    as_of: str
    """The moment that it is about."""
    gaps: tuple[str, ...]
    """Number and status of each field, such as `1.7 MISSING`."""


@dataclass(frozen=True, slots=True)
class Approvals:
    """Enough different people with a suitable role approved exactly this evidence."""

    name: str = "approvals"

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """Count people, not signatures."""
        if stage.approvals == 0:
            return Finding(self.name, "not applicable", f"{stage.name} asks for no approval")
        signed = approvals(evidence, stage, now)
        approvers = sorted({each.person for each in signed if not each.refused})
        refused = "; ".join(f"{each.person}: {each.refused}" for each in signed if each.refused)
        message = f"{len(approvers)} of {stage.approvals} people approved"
        message += f" ({', '.join(approvers)})" if approvers else ""
        message += f"; not valid: {refused}" if refused else ""
        if len(approvers) >= stage.approvals:
            return Finding(self.name, "pass", message)
        able = [
            person.name
            for person in evidence.platform.people
            if person.name not in approvers
            and not why_not(person, evidence, stage)
            and not time_refusal(person, now)
        ]
        names = ", ".join(able) or "nobody whom platform.toml lists: add a person with the role"
        return Finding(
            self.name,
            "fail",
            message,
            f"goldenpath approve {evidence.digest} --stage {stage.name}, by one of: {names}",
        )


def approval(
    digest: Digest,
    stage: Stage,
    role: str,
    verified: Verified,
    *,
    now: datetime,
    model: str,
    comment: str = "",
    lifetime: timedelta = LIFETIME,
    findings: Sequence[Finding] = (),
    report: SeenReport | None = None,
) -> Statement:
    """Return the statement to sign. Raises `InvalidInput` for a lifetime out of range.

    `findings` are those of the gates as the approver saw them; `report` what they read.
    """
    # An approval without an end would count for evidence that nobody looked at for years.
    if not timedelta(0) < lifetime <= timedelta(days=366):
        raise InvalidInput("an approval is valid for at least a second and at most a year")
    seen: list[JsonValue] = [each.text for each in evidence_seen(verified)]
    shown: list[JsonValue] = [
        {"check": each.check, "status": each.status, "message": each.message} for each in findings
    ]
    predicate: dict[str, JsonValue] = {
        "version": 1,
        "decision": "approve",
        "scope": {"environment": stage.name, "model": model, "until": render_time(now + lifetime)},
        "role": role,
        "seen": {"evidence": seen, "findings": shown, **_report_seen(report)},
        "comment": comment,
    }
    return Statement((digest,), APPROVAL, predicate)


def _report_seen(report: SeenReport | None) -> dict[str, JsonValue]:
    if report is None:
        return {}
    return {"report": report.digest.text, "reportAsOf": report.as_of, "gaps": list(report.gaps)}


def evidence_seen(verified: Verified) -> tuple[Digest, ...]:
    """Return the envelopes of all statements that machines made before the release ran, sorted."""
    return tuple(
        sorted(
            each.envelope
            for each in verified.statements
            if each.kind == "machine"
            and each.statement.predicate_type not in (OBSERVED, CHECKPOINT)
        )
    )


def approvals(evidence: Evidence, stage: Stage, now: datetime) -> tuple[SignedApproval, ...]:
    """Return every approval for the stage, with the reason if it is not valid."""
    return tuple(_approvals(evidence, stage, now))


def why_not(person: Person, evidence: Evidence, stage: Stage) -> str:
    """Return why an approval by this person can never be valid here; empty if it can."""
    platform = evidence.platform
    refused = role_refusal(person, platform, stage, evidence.model)
    if refused:
        return refused
    written = author_refusal(person, change_of(evidence, stage))
    if written:
        return written
    if person.name == evidence.actor:
        return "is the person who promotes"
    return ""


def change_of(evidence: Evidence, stage: Stage) -> ReleaseChange:
    """Return the change that a release brings into a stage."""
    live = evidence.live
    # What runs already is not what came before it.
    before = None if live is None or live.digest == evidence.digest else live.verified
    return ReleaseChange(evidence.verified, evidence.model, stage, evidence.platform.people, before)


def time_refusal(person: Person, at: datetime) -> str:
    """Return why what the person signed does not count for an entry `at` a time; empty if it does.

    Only the signer states when a statement was signed. So what somebody signed counts for nothing
    that enters after their time has ended, whatever date it has.
    """
    if person.valid_until is None or at < person.valid_until:
        return ""
    return f"may sign nothing since {person.valid_until.isoformat(timespec='minutes')}"


def role_refusal(person: Person, platform: Platform, stage: Stage, model: str) -> str:
    """Return why the person may not approve this model in the stage; empty if they may."""
    if stage.approver_roles and not set(person.roles) & set(stage.approver_roles):
        return f"has none of the roles {', '.join(stage.approver_roles)}"
    limited = limit_refusal(person, platform.role_limits, model)
    if limited:
        return limited
    if stage.approver_roles and not roles_on(person, platform.role_limits, model) & set(
        stage.approver_roles
    ):
        return f"approves in {stage.name} by a role that does not count for the model {model}"
    return ""


def confirmed(
    decision: SignedStatement, change: ReleaseChange, platform: Platform, *, at: datetime
) -> tuple[SignedStatement, ...]:
    """Return the approvals that a signed decision relies on, checked again as of `at`.

    That is when the release entered the stage: an approval that has expired since then does not
    stop what runs. An approval that is older than a waiver of the decision does not count.
    """
    predicate = decision.statement.predicate
    cited, waivers = _texts(predicate.get("approvals")), _texts(predicate.get("waivers"))
    waived = [
        each.statement.signed_at
        for each in change.verified.of_type(WAIVER)
        if each.envelope.text in waivers and each.statement.signed_at is not None
    ]
    return tuple(
        each
        for each in _matching_approvals(decision, change, platform, at=at)
        if each.envelope.text in cited and not _is_before(each, waived)
    )


def second_people(
    decision: SignedStatement, change: ReleaseChange, platform: Platform, *, at: datetime
) -> tuple[str, ...]:
    """Return the names of those who approved the evidence of a decision, before it or after it."""
    valid = _matching_approvals(decision, change, platform, at=at)
    return tuple(sorted({each.signer for each in valid}))


def shown_approvers(verified: Verified, named: Mapping[str, str]) -> str:
    """Return what signatures show about the approvers that texts of a release name, by file.

    Anybody can write a name into a text. Who signed an approval of the release signed its digest,
    and so every text in it.
    """
    signers = {
        each.signer
        for each in verified.of_type(APPROVAL)
        if each.kind == "person" and each.statement.predicate.get("decision") == "approve"
    }
    names = set(named.values())
    shown, unshown = sorted(names & signers), sorted(names - signers)
    parts = [f"{', '.join(shown)} signed an approval of this release"] if shown else []
    if unshown:
        parts.append(f"that {', '.join(unshown)} approved them is written there and not signed")
    return "; ".join(parts)


def _is_before(approval: SignedStatement, moments: Sequence[datetime]) -> bool:
    given = approval.statement.signed_at
    return bool(moments) and (given is None or given < max(moments))


def _matching_approvals(
    decision: SignedStatement, change: ReleaseChange, platform: Platform, *, at: datetime
) -> Iterator[SignedStatement]:
    """Yield the approvals by other people of exactly what was decided, valid at that time."""
    predicate, stage = decision.statement.predicate, change.stage
    model, seen = str(predicate.get("model")), _texts(predicate.get("evidence"))
    people = {person.name: person for person in platform.people}
    for signed in change.verified.of_type(APPROVAL):
        approved, person = signed.statement.predicate, people.get(signed.signer)
        scope = approved.get("scope")
        until = member(scope, "until")
        moment = parse_time(until) if isinstance(until, str) else None
        matches = (
            signed.kind == "person"
            and person is not None
            and approved.get("decision") == "approve"
            and member(scope, "environment") == stage.name
            # Otherwise an approved release could be promoted in the place of another model.
            and member(scope, "model") == model
            and _texts(member(approved.get("seen"), "evidence")) == seen
            and not role_refusal(person, platform, stage, model)
            and not time_refusal(person, at)
            and signed.signer != decision.signer
            and not author_refusal(person, change)
        )
        if matches and moment is not None and at < moment:
            yield signed


def _approvals(evidence: Evidence, stage: Stage, now: datetime) -> Iterator[SignedApproval]:
    people = {person.name: person for person in evidence.platform.people}
    for signed in evidence.verified.of_type(APPROVAL):
        scope = signed.statement.predicate.get("scope")
        if signed.kind != "person" or member(scope, "environment") != stage.name:
            continue
        person = people.get(signed.signer)
        refused = "is not listed"
        if person is not None:
            refused = why_not(person, evidence, stage) or time_refusal(person, now)
        if member(scope, "model") != evidence.model:
            refused = refused or f"approved it as the model {member(scope, 'model')}"
        refused = refused or _stale(signed, evidence.verified, stage, now)
        yield SignedApproval(signed.signer, signed.envelope, refused)


def _stale(signed: SignedStatement, verified: Verified, stage: Stage, now: datetime) -> str:
    predicate = signed.statement.predicate
    if predicate.get("version") != 1 or predicate.get("decision") != "approve":
        return "did not approve"
    until = member(predicate.get("scope"), "until")
    moment = parse_time(until) if isinstance(until, str) else None
    if moment is None or moment <= now:
        return f"expired on {until}"
    if _texts(member(predicate.get("seen"), "evidence")) != [
        each.text for each in evidence_seen(verified)
    ]:
        return "saw other evidence than there is now"
    given = signed.statement.signed_at
    for waiver in verified.of_type(WAIVER):
        waived = waiver.statement.signed_at
        if member(waiver.statement.predicate.get("scope"), "environment") != stage.name:
            continue
        if given is None or waived is None or given < waived:
            return f"was given before {waiver.signer} waived a gate"
    return ""


def _texts(value: JsonValue) -> Sequence[str]:
    return sorted(str(each) for each in value) if isinstance(value, list) else []
