"""Waivers: a second person's signed word that one closed gate shall not stop one release.

A waiver is about one digest, one gate and one stage, says why, and ends on a day. What it cannot
excuse is missing evidence and missing approvals: those are how anything else is known at all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.promote.gates.approval import is_same_person, why_not
from goldenpath.promote.gates.gate import Evidence
from goldenpath.promote.platform.break_glass import OVERRULED
from goldenpath.promote.platform.platform import Stage
from goldenpath.release.attest.policy import Finding, Person, SignedStatement, Verified
from goldenpath.release.attest.statement import WAIVER, Statement, member, parse_time, render_time
from goldenpath.release.evidence.training_statements import origin_of

UNWAIVABLE = frozenset({"evidence", "approvals"})
LONGEST = timedelta(days=366)
MIN_REASON = 10
"""Characters below which a reason is none."""


@dataclass(frozen=True, slots=True)
class Waiver:
    """A signed waiver for a stage, and why it does not count; empty if it does."""

    gate: str
    person: str
    reason: str
    until: str
    envelope: Digest
    signed_at: datetime | None
    refused: str = ""


def waiver(
    evidence: Evidence, gate: str, stage: Stage, reason: str, *, until: datetime, now: datetime
) -> Statement:
    """The statement to sign. Raises `InvalidInput` for what no waiver can say."""
    if gate in UNWAIVABLE:
        raise InvalidInput(f"the gate {gate} cannot be waived: everything else rests on it")
    if not now < until <= now + LONGEST:
        raise InvalidInput("a waiver ends after now and within a year")
    if len(reason.strip()) < MIN_REASON:
        raise InvalidInput(f"a waiver gives a reason of at least {MIN_REASON} characters")
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
    """Every waiver for the stage, with its reason not to count if there is one."""
    return tuple(_waivers(evidence, stage, now))


def overrule(findings: tuple[Finding, ...], signed: tuple[Waiver, ...]) -> tuple[Finding, ...]:
    """The findings; those that failed and are waived say so, with who, until when and why."""
    return tuple(_overruled(finding, signed) for finding in findings)


@dataclass(frozen=True, slots=True)
class Excuse:
    """A waiver that a signed decision rests on."""

    gate: str
    person: str
    reason: str
    until: datetime

    def said(self, now: datetime) -> str:
        """Who waived which gate until when and why, and whether that time is over."""
        end = self.until.date().isoformat()
        over = f"; that ended {(now - self.until).days} days ago" if self.until <= now else ""
        return f"{self.gate} was waived by {self.person} until {end}: {self.reason}{over}"


def excuses(
    decision: SignedStatement, verified: Verified, stage: Stage, people: Sequence[Person]
) -> tuple[Excuse, ...] | None:
    """The waivers behind a signed decision, checked without its word; None if one is not good.

    As of the decision: a waiver that has ended since then does not stop what runs.
    """
    said, decided = dict(decision.statement.predicate), decision.statement.signed_at
    found = []
    for gate in _waived_gates(said):
        good = [
            signed
            for signed in verified.of_type(WAIVER)
            if _stands_behind(signed, gate, decision, stage)
            and _may_waive(signed.signer, decision, verified, stage, people=people)
            and decided is not None
            and not _void(signed, decided)
        ]
        if not good:
            return None
        predicate = dict(good[0].statement.predicate)
        until = parse_time(_text(predicate, "scope", "until"))
        found.append(Excuse(gate, good[0].signer, _text(predicate, "reason"), until))
    return tuple(found)


def _waived_gates(decision: dict[str, JsonValue]) -> Iterator[str]:
    findings = decision.get("findings")
    for each in findings if isinstance(findings, list) else []:
        # Broken glass overrules people and calendars: those who admit count people themselves.
        if member(each, "status") == "waived" and member(each, "check") not in OVERRULED:
            yield str(member(each, "check"))


def _stands_behind(
    signed: SignedStatement, gate: str, decision: SignedStatement, stage: Stage
) -> bool:
    said, decided = dict(signed.statement.predicate), dict(decision.statement.predicate)
    cited, begun = decided.get("waivers"), signed.statement.signed_at
    end = decision.statement.signed_at
    return (
        signed.kind == "person"
        and isinstance(cited, list)
        and signed.envelope.text in cited
        and gate not in UNWAIVABLE
        and said.get("gate") == gate
        and member(said, "scope", "environment") == stage.name
        and member(said, "scope", "model") == decided.get("model")
        and begun is not None
        and end is not None
        and begun <= end
    )


def _may_waive(
    name: str,
    decision: SignedStatement,
    verified: Verified,
    stage: Stage,
    *,
    people: Sequence[Person],
) -> bool:
    roles = next((set(person.roles) for person in people if person.name == name), None)
    if roles is None or (stage.approver_roles and not roles & set(stage.approver_roles)):
        return False
    origin = origin_of(verified)
    author = str(origin.internal.get("author", "")) if origin is not None else ""
    return name != decision.signer and not is_same_person(name, author)


def _waivers(evidence: Evidence, stage: Stage, now: datetime) -> Iterator[Waiver]:
    people = {person.name: person for person in evidence.platform.people}
    for signed in evidence.verified.of_type(WAIVER):
        said = dict(signed.statement.predicate)
        if signed.kind != "person" or member(said, "scope", "environment") != stage.name:
            continue
        person = people.get(signed.signer)
        refused = "is not listed" if person is None else why_not(person, evidence, stage)
        if member(said, "scope", "model") != evidence.model:
            refused = refused or "waived it for another model"
        yield Waiver(
            gate=_text(said, "gate"),
            person=signed.signer,
            reason=_text(said, "reason"),
            until=_text(said, "scope", "until"),
            envelope=signed.envelope,
            signed_at=signed.statement.signed_at,
            refused=refused or _void(signed, now),
        )


def _void(signed: SignedStatement, now: datetime) -> str:
    said = dict(signed.statement.predicate)
    until, begun = _text(said, "scope", "until"), signed.statement.signed_at
    end = parse_time(until) if until else None
    if said.get("version") != 1 or begun is None or len(_text(said, "reason")) < MIN_REASON:
        return "is not complete"
    if end is None or end <= now:
        return f"ended on {until}"
    return "" if end <= begun + LONGEST else "runs for more than a year"


def _overruled(finding: Finding, signed: tuple[Waiver, ...]) -> Finding:
    if finding.status != "fail" or finding.check in UNWAIVABLE:
        return finding
    about = [each for each in signed if each.gate == finding.check]
    valid = next((each for each in about if not each.refused), None)
    if valid is not None:
        said = f"waived by {valid.person} until {valid.until}: {valid.reason}"
        return Finding(finding.check, "waived", f"{finding.message} ({said})", finding.cure)
    if not about:
        return finding
    why = "; ".join(f"{each.person} {each.refused}" for each in about)
    return Finding(
        finding.check, "fail", f"{finding.message} (no waiver counts: {why})", finding.cure
    )


def _text(value: dict[str, JsonValue], *path: str) -> str:
    found = member(value, *path)
    return found if isinstance(found, str) else ""
