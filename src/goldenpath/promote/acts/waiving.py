"""Waiver: a second person signs that one closed gate does not stop a release."""

from datetime import datetime

from goldenpath.errors import InvalidInput
from goldenpath.promote.acts.approving import assessment_to_sign
from goldenpath.promote.acts.intents import GateWaiver
from goldenpath.promote.acts.scene import ReleaseScene
from goldenpath.promote.gates.waiver import waiver


def waive(scene: ReleaseScene, gate: str, reason: str, until: datetime) -> GateWaiver:
    """Return the waiver of a gate that is closed now.

    Raises `InvalidInput` if the gate is open or cannot be waived, or if the person's waiver would
    not be valid.
    """
    stage, now = scene.stage.stage, scene.stage.now
    assessment = assessment_to_sign(scene, f"waive {gate}")
    statement = waiver(scene.evidence, gate, stage, reason, until=until, now=now)
    findings = {each.check: each for each in assessment.decision.findings}
    finding = findings.get(gate)
    if finding is None:
        raise InvalidInput(
            f"{stage.name} has no gate {gate!r}: expected one of {', '.join(findings)}"
        )
    if finding.status != "fail":
        raise InvalidInput(f"the gate {gate} is not closed: {finding.message}")
    return GateWaiver(
        person=scene.stage.person.name,
        gate=gate,
        stage=stage.name,
        model=scene.evidence.model,
        digest=scene.evidence.digest,
        time=now,
        until=until,
        statement=statement,
        reason=reason,
        message=finding.message,
    )
