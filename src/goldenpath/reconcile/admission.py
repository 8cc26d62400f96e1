"""May this release run in this stage? Asked before anything of it is loaded."""

from datetime import datetime

from goldenpath.attest.policy import Finding, Verified
from goldenpath.attest.statement import DECISION
from goldenpath.attest.verify import verify
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.gitops.desired import Deployment
from goldenpath.oci.store import Store
from goldenpath.promote.admission import release_policy
from goldenpath.promote.approval import confirmed
from goldenpath.promote.platform import Platform, Stage


def admit(
    store: Store, platform: Platform, deployment: Deployment, digest: Digest, now: datetime
) -> tuple[Finding, ...]:
    """Every check of a release for a stage; admitted if none failed.

    Every byte of the image is read. Raises `NotFound` if the store has no such release.
    """
    stage = platform.stage(deployment.stage)
    if stage is None:
        raise InvalidInput(f"the stage {deployment.stage!r} is not in platform.toml")
    policy = release_policy(platform)
    verified = verify(store, digest, policy, people=platform.people, now=now, blobs=True)
    return (*verified.findings, _decision(verified, stage, platform, deployment.model))


def _decision(verified: Verified, stage: Stage, platform: Platform, model: str) -> Finding:
    """Where a stage has gates, somebody who is listed must have signed their verdict."""
    if not stage.gates:
        return Finding("decision", "not applicable", f"the stage {stage.name} has no gates")
    for signed in verified.of_type(DECISION):
        said = signed.statement.predicate
        place = (said.get("stage"), said.get("model"))
        if place != (stage.name, model) or said.get("allowed") is not True:
            continue
        approved = confirmed(signed, verified, stage, platform.people)
        if len(approved) >= stage.approvals:
            by = f", approved by {', '.join(approved)}" if approved else ""
            return Finding("decision", "pass", f"promoted to {stage.name} by {signed.signer}{by}")
    return Finding(
        "decision",
        "fail",
        f"nobody who is listed has signed a promotion to {stage.name} "
        f"that {stage.approvals} approvals stand behind",
        f"run goldenpath promote {verified.subject.short} --to {stage.name}",
    )
