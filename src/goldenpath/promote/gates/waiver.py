"""Waivers: a second person signs that one closed gate does not stop one release.

A waiver names one digest, one gate and one stage, gives a reason, and ends on a day. Evidence and
approvals cannot be waived, because everything else relies on them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.promote.gates.approval import role_refusal, time_refusal, why_not
from goldenpath.promote.gates.authorship import ReleaseChange, author_refusal
from goldenpath.promote.gates.gate import Evidence
from goldenpath.promote.platform.break_glass import OVERRULED
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.release.attest.policy import Finding, SignedStatement
from goldenpath.release.attest.statement import (
    WAIVER,
    Statement,
    member,
    parse_time,
    render_time,
    text_member,
)

UNWAIVABLE = frozenset({"evidence", "approvals"})
LONGEST = timedelta(days=366)
MIN_REASON = 10
"""A reason has at least so many characters."""


@dataclass(frozen=True, slots=True)
class Waiver:
    """A signed waiver for a stage, and why it is not valid."""

    gate: str
    person: str
    reason: str
    until: str
    envelope: Digest
    signed_at: datetime | None
    refused: str = ""
    """Why the waiver is not valid; empty if it is."""


def waiver(
    evidence: Evidence, gate: str, stage: Stage, reason: str, *, until: datetime, now: datetime
) -> Statement:
    """Return the statement to sign. Raises `InvalidInput` for a waiver that cannot be valid."""
    if gate in UNWAIVABLE:
        raise InvalidInput(f"the gate {gate} cannot be waived: everything else relies on it")
    if not now < until <= now + LONGEST:
        raise InvalidInput("a waiver must end after now and within a year")
    if len(reason.strip()) < MIN_REASON:
        raise InvalidInput(f"a waiver needs a reason of at least {MIN_REASON} characters")
    predicate: dict[str, JsonValue] = {
        "version": 1,
        "gate": gate,
        "scope": {
            "model": evidence.model,
            "environment": stage.name,
            "until": render_time(until),
        },
        "reason": reason.strip(),
    }
    return Statement((evidence.digest,), WAIVER, predicate)


def waivers(evidence: Evidence, stage: Stage, now: datetime) -> tuple[Waiver, ...]:
    """Return every waiver for the stage, with the reason if it is not valid."""
    return tuple(_waivers(evidence, stage, now))


def overrule(findings: tuple[Finding, ...], signed: tuple[Waiver, ...]) -> tuple[Finding, ...]:
    """Return the findings; a failed one with a valid waiver becomes waived, with who and why."""
    return tuple(_overruled(finding, signed) for finding in findings)


@dataclass(frozen=True, slots=True)
class Excuse:
    """A waiver that a signed decision relies on."""

    gate: str
    person: str
    reason: str
    until: datetime

    def summary(self, now: datetime) -> str:
        """Return who waived which gate, until when and why, and whether the waiver has ended."""
        end = self.until.date().isoformat()
        over = f"; that ended {(now - self.until).days} days ago" if self.until <= now else ""
        return f"{self.gate} was waived by {self.person} until {end}: {self.reason}{over}"


def excuses(
    decision: SignedStatement, change: ReleaseChange, platform: Platform, *, at: datetime
) -> tuple[Excuse, ...] | None:
    """Return the waivers that a signed decision relies on, checked again; None if one is invalid.

    They are checked as of `at`, when the release entered the stage: a waiver that has ended since
    then does not stop what runs.
    """
    predicate = dict(decision.statement.predicate)
    result = []
    for gate in _waived_gates(predicate):
        valid = [
            signed
            for signed in change.verified.of_type(WAIVER)
            if _covers(signed, gate, decision, change.stage)
            and _may_waive(signed.signer, decision, change, platform, at=at)
            and not terms_fault(signed, at)
        ]
        # One gate without a valid waiver makes the whole decision worthless.
        if not valid:
            return None
        waived = dict(valid[0].statement.predicate)
        until = parse_time(text_member(waived, "scope", "until"))
        result.append(Excuse(gate, valid[0].signer, text_member(waived, "reason"), until))
    return tuple(result)


def _waived_gates(decision: dict[str, JsonValue]) -> Iterator[str]:
    findings = decision.get("findings")
    for finding in findings if isinstance(findings, list) else []:
        # These are waived by break-glass, not by a waiver: admission checks approvals itself.
        if member(finding, "status") == "waived" and member(finding, "check") not in OVERRULED:
            yield str(member(finding, "check"))


def _covers(signed: SignedStatement, gate: str, decision: SignedStatement, stage: Stage) -> bool:
    """Whether the waiver is cited by the decision, covers its gate, and was signed before it."""
    waived, decided = dict(signed.statement.predicate), dict(decision.statement.predicate)
    cited, waived_at = decided.get("waivers"), signed.statement.signed_at
    decided_at = decision.statement.signed_at
    return (
        signed.kind == "person"
        and isinstance(cited, list)
        and signed.envelope.text in cited
        and gate not in UNWAIVABLE
        and waived.get("gate") == gate
        and member(waived, "scope", "environment") == stage.name
        and member(waived, "scope", "model") == decided.get("model")
        and waived_at is not None
        and decided_at is not None
        # A waiver that is made up afterwards excuses no earlier decision.
        and waived_at <= decided_at
    )


def _may_waive(
    name: str, decision: SignedStatement, change: ReleaseChange, platform: Platform, *, at: datetime
) -> bool:
    person = next((each for each in platform.people if each.name == name), None)
    model = str(decision.statement.predicate.get("model"))
    if person is None or time_refusal(person, at):
        return False
    if role_refusal(person, platform, change.stage, model):
        return False
    # Whoever wants the release in must not excuse it.
    return name != decision.signer and not author_refusal(person, change)


def _waivers(evidence: Evidence, stage: Stage, now: datetime) -> Iterator[Waiver]:
    people = {person.name: person for person in evidence.platform.people}
    for signed in evidence.verified.of_type(WAIVER):
        waived = dict(signed.statement.predicate)
        if signed.kind != "person" or member(waived, "scope", "environment") != stage.name:
            continue
        person = people.get(signed.signer)
        refused = "is not listed"
        if person is not None:
            refused = why_not(person, evidence, stage) or time_refusal(person, now)
        if member(waived, "scope", "model") != evidence.model:
            refused = refused or "waived it for another model"
        yield Waiver(
            gate=text_member(waived, "gate"),
            person=signed.signer,
            reason=text_member(waived, "reason"),
            until=text_member(waived, "scope", "until"),
            envelope=signed.envelope,
            signed_at=signed.statement.signed_at,
            refused=refused or terms_fault(signed, now),
        )


def terms_fault(signed: SignedStatement, now: datetime) -> str:
    """Return why the waiver itself is not valid at `now`; empty if it is."""
    waived = dict(signed.statement.predicate)
    waived_at, end = signed.statement.signed_at, end_of(signed)
    reason = text_member(waived, "reason")
    if waived.get("version") != 1 or waived_at is None or len(reason) < MIN_REASON:
        return "is not complete"
    if end is None:
        return "ends on no day that can be read"
    if end <= now:
        return f"ended on {text_member(waived, 'scope', 'until')}"
    return "" if end <= waived_at + LONGEST else "runs for more than a year"


def end_of(signed: SignedStatement) -> datetime | None:
    """Return when the waiver ends; None if nobody can read that, and then it never began."""
    try:
        return parse_time(text_member(dict(signed.statement.predicate), "scope", "until"))
    except InvalidInput:
        return None


def _overruled(finding: Finding, signed: tuple[Waiver, ...]) -> Finding:
    if finding.status != "fail" or finding.check in UNWAIVABLE:
        return finding
    about = [each for each in signed if each.gate == finding.check]
    valid = next((each for each in about if not each.refused), None)
    if valid is not None:
        note = f"waived by {valid.person} until {valid.until}: {valid.reason}"
        return Finding(finding.check, "waived", f"{finding.message} ({note})", finding.cure)
    if not about:
        return finding
    why = "; ".join(f"{each.person} {each.refused}" for each in about)
    return Finding(
        finding.check, "fail", f"{finding.message} (no valid waiver: {why})", finding.cure
    )
