"""What the gates of a stage say of a release: findings, waivers, freezes and break-glass together.

The verdict is the same from a laptop, in CI and at promotion, since all three come here.
"""

from dataclasses import dataclass
from datetime import datetime

from goldenpath.errors import InvalidInput
from goldenpath.promote.gates.approval import approvals, evidence_seen
from goldenpath.promote.gates.fact_gates import GATES
from goldenpath.promote.gates.gate import Decision, Evidence, judge_all
from goldenpath.promote.gates.waiver import overrule, waivers
from goldenpath.promote.gates.written_gates import written_gates
from goldenpath.promote.platform.break_glass import BreakGlass, break_glass, rule_of
from goldenpath.promote.platform.break_glass import overrule as overrule_people
from goldenpath.promote.platform.platform import Stage
from goldenpath.release.attest.policy import Finding


@dataclass(frozen=True, slots=True)
class Assessed:
    """A release before the gates of a stage, and what they said."""

    evidence: Evidence
    stage: Stage
    decision: Decision
    approved_by: tuple[str, ...]
    """Names of those whose approval counted."""


def assessed(evidence: Evidence, stage: Stage, now: datetime, glass: str = "") -> Assessed:
    """Lets the gates of a stage judge a release.

    With `glass`, the reason for break-glass, neither missing approvals nor a freeze stop it. Raises
    `InvalidInput` if whoever acts may not use it, or there is nothing that it would overrule.
    """
    counted = {
        word.envelope: word.person for word in approvals(evidence, stage, now) if not word.refused
    }
    signed = waivers(evidence, stage, now)
    gates = (*GATES, *written_gates(evidence.platform))
    findings = overrule(judge_all(gates, evidence, stage, now), signed)
    waived = {finding.check for finding in findings if finding.status == "waived"}
    findings, people = (*findings, *_freeze(stage, now)), sorted(set(counted.values()))
    record = _glass(evidence, stage, glass, now) if glass else None
    if record is not None:
        findings = overrule_people(findings, record, len(people), rule_of(stage))
    decision = Decision(
        digest=evidence.digest,
        model=evidence.model,
        stage=stage.name,
        decided_at=now.isoformat(timespec="seconds"),
        actor=evidence.actor,
        findings=findings,
        approvals=tuple(sorted(counted)),
        evidence=evidence_seen(evidence.verified),
        waivers=tuple(
            sorted(each.envelope for each in signed if each.gate in waived and not each.refused)
        ),
        glass=record,
    )
    return Assessed(evidence, stage, decision, tuple(people))


def _glass(evidence: Evidence, stage: Stage, reason: str, now: datetime) -> BreakGlass:
    people = evidence.platform.people
    person = next((each for each in people if each.name == evidence.actor), None)
    if person is None:
        raise InvalidInput(f"{evidence.actor} is not a person: only people break the glass")
    return break_glass(stage, person, reason, now)


def _freeze(stage: Stage, now: datetime) -> tuple[Finding, ...]:
    """Behind the waivers, since nobody waives a freeze."""
    freeze = stage.frozen(now)
    if freeze is None:
        return ()
    end = freeze.end.isoformat(timespec="minutes")
    return (
        Finding(
            "freeze",
            "fail",
            f"nothing new enters {stage.name} until {end}: {freeze.reason}",
            f"wait until {end}; goldenpath rollback works all the time",
        ),
    )
