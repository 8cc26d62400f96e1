"""Lets a second person sign that one closed gate shall not stop one release."""

from dataclasses import dataclass
from datetime import datetime

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.promote.acts.approving import seen
from goldenpath.promote.acts.promotion import Workspace
from goldenpath.promote.gates.waiver import waiver
from goldenpath.release.attest.attach import attach_ssh
from goldenpath.release.attest.statement import render_time


@dataclass(frozen=True, slots=True)
class Waived:
    """A waiver that hangs on the release now."""

    person: str
    gate: str
    stage: str
    model: str
    digest: Digest
    envelope: Digest
    until: str
    reason: str
    said: str
    """What the gate said of the release when it was waived."""


def waive(
    desk: Workspace, digest: Digest, gate: str, stage: str, *, reason: str, until: datetime
) -> Waived:
    """Signs a waiver over a gate that is closed now, and hangs it on the release.

    Raises `InvalidInput` if the gate is open or cannot be waived, or the person is one whose word
    would not count.
    """
    before = seen(desk, digest, stage, f"waive {gate}")
    assessed, now = before.assessed, before.now
    statement = waiver(assessed.evidence, gate, assessed.stage, reason, until, now)
    findings = {each.check: each for each in assessed.decision.findings}
    finding = findings.get(gate)
    if finding is None:
        raise InvalidInput(f"{stage} has no gate {gate!r}: expected one of {', '.join(findings)}")
    if finding.status != "fail":
        raise InvalidInput(f"the gate {gate} is not closed: {finding.message}")
    image = desk.store.resolve(digest.text)
    hung = attach_ssh(desk.store, image, statement, desk.acting.key, now)
    return Waived(
        person=before.person.name,
        gate=gate,
        stage=stage,
        model=assessed.evidence.model,
        digest=digest,
        envelope=hung.digest,
        until=render_time(until),
        reason=reason,
        said=finding.message,
    )
