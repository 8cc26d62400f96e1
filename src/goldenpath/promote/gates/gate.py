"""The seam of gates: one question about a release, asked before it enters a stage.

A gate looks at evidence that others gathered and verified, and answers with a finding that says
how far it was from the limit and what to do. It has no effects, so the verdict is the same from a
laptop, in CI and at promotion.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.project.spec import Contract
from goldenpath.promote.platform.break_glass import BreakGlass
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.release.attest.policy import Finding, Verified
from goldenpath.release.attest.statement import DECISION, Statement
from goldenpath.train.evaluation.evaluation_rows import Rows
from goldenpath.train.training_run import Metric


@dataclass(frozen=True, slots=True)
class Live:
    """The release that is in the stage now."""

    digest: Digest
    contract: Contract
    metrics: tuple[Metric, ...]
    rows: Rows | None = None
    """The rows it was evaluated on, where they are to be had."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that a gate may look at; signatures and bytes were verified before."""

    digest: Digest
    model: str
    verified: Verified
    contract: Contract
    documents: Mapping[str, bytes]
    """What people wrote, by path in the project: `compliance/card.md` for one."""
    live: Live | None
    """What the stage runs now; None if it is the first release there."""
    before_since: datetime | None
    """Since when the release is the stable one of the stage before; None if it is not."""
    actor: str
    """Who promotes."""
    platform: Platform
    rows: Rows | None = None
    """The rows that the release was evaluated on, where they are to be had."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether `digest` may enter `stage`, and why. Allowed exactly if no finding failed."""

    digest: Digest
    model: str
    stage: str
    decided_at: str
    """RFC 3339, UTC."""
    actor: str
    findings: tuple[Finding, ...]
    approvals: tuple[Digest, ...]
    """Envelopes of the approvals that counted."""
    evidence: tuple[Digest, ...]
    """Envelopes of every statement that was looked at, sorted."""
    waivers: tuple[Digest, ...] = ()
    """Envelopes of the waivers that overruled a finding, sorted."""
    glass: BreakGlass | None = None
    """The break-glass record, or None for a regular promotion."""

    @property
    def allowed(self) -> bool:
        """Whether no gate failed."""
        return all(finding.status != "fail" for finding in self.findings)


class Gate(Protocol):
    """One question about a release."""

    @property
    def name(self) -> str:
        """As `platform.toml` and findings name it."""

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """The answer. What it raises for a release that cannot be read counts as a failure."""


def judge_all(
    gates: Sequence[Gate], evidence: Evidence, stage: Stage, now: datetime
) -> tuple[Finding, ...]:
    """One finding per gate that the stage names, or that names the stage, in their order.

    Raises `InvalidInput` for a name that no gate has, and for the last stage without any gate.
    """
    known = {gate.name for gate in gates}
    unknown = [name for name in stage.gates if name not in known]
    if unknown:
        raise InvalidInput(f"stage {stage.name} names the gate {unknown[0]!r}, which is not known")
    if not stage.gates and stage == evidence.platform.stages[-1]:
        raise InvalidInput(f"stage {stage.name} is the last one and has no gates")
    own = {each.name for each in evidence.platform.own_gates if stage.name in each.stages}
    chosen = [gate for gate in gates if gate.name in stage.gates or gate.name in own]
    return tuple(_judge(gate, evidence, stage, now) for gate in chosen)


def _judge(gate: Gate, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
    try:
        return gate.judge(evidence, stage, now)
    except (InvalidInput, VerificationError) as error:
        # What cannot be read is never a pass, and does not hide what the other gates say.
        return Finding(gate.name, "fail", error.message, error.hint or "build the release again")


def decision_statement(decision: Decision) -> Statement:
    """The decision as a statement about the release."""
    findings: list[JsonValue] = [
        {"check": each.check, "status": each.status, "message": each.message}
        for each in decision.findings
    ]
    approved: list[JsonValue] = [each.text for each in decision.approvals]
    seen: list[JsonValue] = [each.text for each in decision.evidence]
    excused: list[JsonValue] = [each.text for each in decision.waivers]
    predicate: dict[str, JsonValue] = {
        "version": 1,
        "allowed": decision.allowed,
        "model": decision.model,
        "stage": decision.stage,
        "actor": decision.actor,
        "decidedAt": decision.decided_at,
        "findings": findings,
        "approvals": approved,
        "evidence": seen,
        "waivers": excused,
    }
    if decision.glass is not None:
        predicate["breakGlass"] = decision.glass.to_json()
    return Statement((decision.digest,), DECISION, predicate)
