"""What people sign about a release, honest by default: approvals and waivers as pure values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from goldenpath.attacks.holders.deployment_step import MODEL, STAGE, TWO
from goldenpath.canonical import JsonValue
from goldenpath.release.attest.statement import APPROVAL, WAIVER, Statement, render_time

NOW: Final = datetime(2026, 11, 29, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ENGINEER, VALIDATOR, MANAGER, SCIENTIST, SECOND = (
    "platform-engineer", "validator", "risk-manager", "data-scientist", "second-validator",
)  # fmt: skip
APPROVALS, WAIVERS, ENTRY_TIME, AUTHOR, DECIDED, OWN_GATE, NAME, RULES = (
    "approvals", "cited waivers", "time of the entry", "authorship", "decision",
    "gate of the platform", "model of the contract", "rules of the entry",
)  # fmt: skip
THRESHOLDS_GATE, SOURCE, TESTS, SCANNED, ORDER, CHAMPION, SOAK = GATES = (
    "thresholds", "clean-source", "checks", "scan", "threshold-order", "champion", "stage-before",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class GivenApproval:
    """An approval by one person."""

    by: str
    stage: str = STAGE
    model: str = MODEL
    until: datetime = NOW + 30 * DAY
    at: datetime = NOW - HOUR
    saw_evidence: bool = True
    """Whether it names exactly the evidence of the decision."""
    saw_gates: bool = True
    """Whether it names the findings of the gates."""
    is_cited: bool = True
    verdict: str = "approve"

    def statement(self, evidence: Sequence[JsonValue]) -> Statement:
        """Return what the person signed."""
        findings: list[JsonValue] = [{"check": each, "status": "pass"} for each in GATES]
        predicate: dict[str, JsonValue] = {
            "version": 1,
            "decision": self.verdict,
            "scope": {
                "environment": self.stage,
                "model": self.model,
                "until": render_time(self.until),
            },
            "seen": {
                "evidence": list(evidence if self.saw_evidence else evidence[1:]),
                "findings": findings if self.saw_gates else [],
            },
        }
        return Statement((TWO,), APPROVAL, predicate, self.at)


@dataclass(frozen=True, slots=True)
class GivenWaiver:
    """A waiver by one person."""

    by: str = VALIDATOR
    gate: str = THRESHOLDS_GATE
    stage: str = STAGE
    model: str = MODEL
    until: datetime = NOW + 30 * DAY
    at: datetime = NOW - 3 * HOUR
    reason: str = "seen and accepted"
    is_cited: bool = True

    def statement(self) -> Statement:
        """Return what the person signed."""
        scope: dict[str, JsonValue] = {
            "environment": self.stage,
            "model": self.model,
            "until": render_time(self.until),
        }
        predicate: dict[str, JsonValue] = {
            "version": 1,
            "gate": self.gate,
            "scope": scope,
            "reason": self.reason,
        }
        return Statement((TWO,), WAIVER, predicate, self.at)


BOTH = (GivenApproval(VALIDATOR), GivenApproval(MANAGER))
