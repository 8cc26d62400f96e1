"""The record of a promotion: one finding per gate, and the verdict that follows from them."""

from dataclasses import dataclass

from goldenpath.attest.policy import Finding
from goldenpath.digest import Digest
from goldenpath.promote.glass import Glass


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
    glass: Glass | None = None
    """On whose word it enters before everybody has approved; None in the order of things."""

    @property
    def allowed(self) -> bool:
        """Whether no gate failed."""
        return all(finding.status != "fail" for finding in self.findings)
