"""The interface of gates: one check of a release before it enters a stage.

A gate looks at evidence that was gathered and verified before. Its finding says how far the release
is from the limit and what to do. A gate has no effects, so its finding is the same on a laptop, in
CI and at promotion.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.project.spec import Contract
from goldenpath.promote.gates.monitoring.monitor_view import MonitorView
from goldenpath.promote.gates.test_sets.data_looks import LookLedger
from goldenpath.promote.platform.break_glass import BreakGlass
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.release.attest.policy import Finding, Verified
from goldenpath.release.attest.statement import DECISION, Statement
from goldenpath.train.training_run import Metric

if TYPE_CHECKING:  # numpy, which many verbs that know gates never need
    from goldenpath.train.evaluation.evaluation_rows import Rows

TRAINING = "training"
"""The gate that a stage asks by its setting `training` even if it does not name it."""


@dataclass(frozen=True, slots=True)
class Live:
    """The stable release that the stage runs now."""

    digest: Digest
    contract: Contract
    metrics: tuple[Metric, ...]
    rows: "Rows | None" = None
    """The rows that it was evaluated on; None if the store does not have them."""
    verified: Verified | None = None
    """Everything that is verified about it, with the approvals of people."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that a gate may look at. Signatures and bytes are verified already."""

    digest: Digest
    model: str
    verified: Verified
    contract: Contract
    documents: Mapping[str, bytes]
    """Documents that people wrote, by path in the project, such as `compliance/card.md`."""
    live: Live | None
    """The release that the stage runs now; None if there is none."""
    before_since: datetime | None
    """Since when the release is the stable one of the previous stage; None if it is not."""
    actor: str
    """The person who promotes."""
    platform: Platform
    rows: "Rows | None" = None
    """The rows that the release was evaluated on; None if they are not available."""
    monitored: MonitorView | None = None
    """What the monitors know about the model; None if it was not read, as most stages ask not."""
    looks: LookLedger | None = None
    """How often data were looked at; None if it was not read, as most stages ask not."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether `digest` may enter `stage`, and why. It may if no finding failed."""

    digest: Digest
    model: str
    stage: str
    decided_at: str
    """RFC 3339, UTC."""
    actor: str
    findings: tuple[Finding, ...]
    approvals: tuple[Digest, ...]
    """Envelopes of the approvals that the decision relies on."""
    evidence: tuple[Digest, ...]
    """Envelopes of every statement that the gates saw, sorted."""
    waivers: tuple[Digest, ...] = ()
    """Envelopes of the waivers that overruled a finding, sorted."""
    break_glass: BreakGlass | None = field(default=None, metadata={"json": "glass"})
    """The break-glass record, or None for a regular promotion."""

    @property
    def allowed(self) -> bool:
        """Whether no gate failed."""
        return all(finding.status != "fail" for finding in self.findings)


class Gate(Protocol):
    """One check of a release."""

    @property
    def name(self) -> str:
        """The name in `platform.toml` and in findings."""

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """Return the finding. An `InvalidInput` or `VerificationError` is a failed finding."""


def judge_all(
    gates: Sequence[Gate], evidence: Evidence, stage: Stage, now: datetime
) -> tuple[Finding, ...]:
    """Return one finding for each gate that the stage names, or that names the stage, in order.

    Raises `InvalidInput` for an unknown gate, and if the last stage has no gates.
    """
    known = {gate.name for gate in gates}
    unknown = [name for name in stage.gates if name not in known]
    if unknown:
        raise InvalidInput(f"stage {stage.name} names the unknown gate {unknown[0]!r}")
    if not stage.gates and stage == evidence.platform.stages[-1]:
        raise InvalidInput(f"stage {stage.name} is the last one and has no gates")
    own = {each.name for each in evidence.platform.own_gates if stage.name in each.stages}
    chosen = [gate for gate in gates if gate.name in stage.gates or gate.name in own]
    findings = tuple(_judge(gate, evidence, stage, now) for gate in chosen)
    return (*findings, *_unlisted(gates, evidence, stage, now))


def _unlisted(
    gates: Sequence[Gate], evidence: Evidence, stage: Stage, now: datetime
) -> Iterator[Finding]:
    """Yield the finding of the gate `training` if it is closed and the stage does not name it.

    Platforms of 0.1 do not name it. Their last stage takes no model that was trained elsewhere
    either, and all their other findings stay as they were.
    """
    if TRAINING in stage.gates or not evidence.platform.demands_observed(stage):
        return
    for gate in gates:
        if gate.name == TRAINING:
            finding = _judge(gate, evidence, stage, now)
            if finding.status == "fail":
                yield finding


def _judge(gate: Gate, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
    try:
        return gate.judge(evidence, stage, now)
    except (InvalidInput, VerificationError) as error:
        # Unreadable evidence is never a pass, and does not hide the findings of other gates.
        return Finding(gate.name, "fail", error.message, error.hint or "build the release again")


def decision_statement(decision: Decision) -> Statement:
    """Return the decision as a statement about the release."""
    findings: list[JsonValue] = [
        {"check": each.check, "status": each.status, "message": each.message}
        for each in decision.findings
    ]
    approved: list[JsonValue] = [each.text for each in decision.approvals]
    seen: list[JsonValue] = [each.text for each in decision.evidence]
    waived: list[JsonValue] = [each.text for each in decision.waivers]
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
        "waivers": waived,
    }
    if decision.break_glass is not None:
        predicate["breakGlass"] = decision.break_glass.to_json()
    return Statement((decision.digest,), DECISION, predicate)
