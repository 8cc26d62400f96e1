"""The assessment of a release by the gates of a stage, with waivers, freezes and break-glass.

It is the same on a laptop, in CI and at promotion, since all three use this module.
"""

from dataclasses import dataclass
from datetime import datetime

from goldenpath.errors import InvalidInput
from goldenpath.promote.gates.approval import approvals, evidence_seen
from goldenpath.promote.gates.follower_verdict import all_gates
from goldenpath.promote.gates.gate import Decision, Evidence, judge_all
from goldenpath.promote.gates.waiver import overrule, waivers
from goldenpath.promote.platform.break_glass import (
    BreakGlass,
    break_glass_record,
    break_glass_rules,
)
from goldenpath.promote.platform.break_glass import overrule as overrule_people
from goldenpath.promote.platform.platform import Stage
from goldenpath.release.attest.policy import Finding


@dataclass(frozen=True, slots=True)
class Assessed:
    """A release, a stage, and the decision of the stage's gates."""

    evidence: Evidence
    stage: Stage
    decision: Decision
    approved_by: tuple[str, ...]
    """Names of those whose approvals the decision relies on."""


def assessed(evidence: Evidence, stage: Stage, now: datetime, break_glass: str = "") -> Assessed:
    """Let the gates of a stage judge a release.

    `break_glass` is the reason for break-glass; then neither missing approvals nor a freeze stop
    the release. Raises `InvalidInput` if the actor may not use it, or it would overrule nothing.
    """
    valid = {
        each.envelope: each.person for each in approvals(evidence, stage, now) if not each.refused
    }
    signed = waivers(evidence, stage, now)
    findings = overrule(judge_all(all_gates(evidence.platform), evidence, stage, now), signed)
    waived = {finding.check for finding in findings if finding.status == "waived"}
    findings, people = (*findings, *_freeze(stage, now)), sorted(set(valid.values()))
    record = _break_glass(evidence, stage, break_glass, now) if break_glass else None
    if record is not None:
        findings = overrule_people(findings, record, len(people), break_glass_rules(stage))
    decision = Decision(
        digest=evidence.digest,
        model=evidence.model,
        stage=stage.name,
        decided_at=now.isoformat(timespec="seconds"),
        actor=evidence.actor,
        findings=findings,
        approvals=tuple(sorted(valid)),
        evidence=evidence_seen(evidence.verified),
        waivers=tuple(
            sorted(each.envelope for each in signed if each.gate in waived and not each.refused)
        ),
        break_glass=record,
    )
    return Assessed(evidence, stage, decision, tuple(people))


def _break_glass(evidence: Evidence, stage: Stage, reason: str, now: datetime) -> BreakGlass:
    people = evidence.platform.people
    person = next((each for each in people if each.name == evidence.actor), None)
    if person is None:
        raise InvalidInput(f"{evidence.actor} is not a person: only people may use break-glass")
    return break_glass_record(stage, person, reason, now)


def _freeze(stage: Stage, now: datetime) -> tuple[Finding, ...]:
    """Return the finding of a freeze. It is added after the waivers: nobody waives a freeze."""
    freeze = stage.frozen(now)
    if freeze is None:
        return ()
    end = freeze.end.isoformat(timespec="minutes")
    return (
        Finding(
            "freeze",
            "fail",
            f"{stage.name} is frozen until {end}, nothing new enters it: {freeze.reason}",
            f"wait until {end}; goldenpath rollback works in a freeze too",
        ),
    )
