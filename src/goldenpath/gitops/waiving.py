"""Lets a second person sign that one closed gate shall not stop one release."""

from dataclasses import dataclass
from datetime import datetime

from goldenpath.attest.attach import attach_ssh
from goldenpath.attest.statement import render_time
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.gitops.assess import assess
from goldenpath.gitops.identity import require_listed
from goldenpath.gitops.promotion import Desk
from goldenpath.gitops.trust import follow
from goldenpath.promote.approval import why_not
from goldenpath.promote.waiver import waiver


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
    desk: Desk, digest: Digest, gate: str, stage: str, *, reason: str, until: datetime
) -> Waived:
    """Signs a waiver over a gate that is closed now, and hangs it on the release.

    Raises `InvalidInput` if the gate is open or cannot be waived, or the person is one whose word
    would not count.
    """
    trusted = follow(desk.repository, desk.pin)
    now = desk.clock()
    person = require_listed(desk.acting, trusted.platform, now)
    assessed = assess(desk.repository, trusted, desk.store, digest, stage, "", now)
    refused = why_not(person, assessed.evidence, assessed.stage)
    if refused:
        raise InvalidInput(f"{person.name} cannot waive {gate} for {stage}: {refused}")
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
        person=person.name,
        gate=gate,
        stage=stage,
        model=assessed.evidence.model,
        digest=digest,
        envelope=hung.digest,
        until=render_time(until),
        reason=reason,
        said=finding.message,
    )
