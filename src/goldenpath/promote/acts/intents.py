"""The intents that acts return: a refusal, or everything that has to be written."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from goldenpath.digest import Digest
from goldenpath.promote.acts.scene import StageScene
from goldenpath.promote.gates.gate import Decision, decision_statement
from goldenpath.promote.manifests.deployment_files import changed_files, release_path
from goldenpath.promote.manifests.desired import Deployment, Placement
from goldenpath.promote.manifests.placement import render_placement
from goldenpath.promote.repository.commit_message import CommitMessage
from goldenpath.release.attest.statement import Statement


@dataclass(frozen=True, slots=True)
class Declined:
    """A gate is closed: nothing is written, and the decision says why."""

    decision: Decision
    approved_by: tuple[str, ...] = ()
    """Names of those whose approvals are valid."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Nothing has to be written."""


@dataclass(frozen=True, slots=True)
class StageChange:
    """One commit on one deployment, and the decision of the gates that it relies on."""

    parent: str
    """The commit that the scene was read from."""
    time: datetime
    deployment: Deployment
    """The desired state after the commit."""
    placement: Placement
    manifests: Mapping[str, bytes | None]
    """The files that a cluster applies, by path; None removes one."""
    message: CommitMessage
    decision: Decision | None = None
    """None if no gate is asked."""

    @property
    def statement(self) -> Statement | None:
        """The statement that is signed and attached to the release before the commit."""
        return None if self.decision is None else decision_statement(self.decision)

    @property
    def files(self) -> Mapping[str, bytes | None]:
        """The files that the commit writes, by path."""
        path = release_path(self.deployment.stage, self.deployment.model)
        return {**self.manifests, path: render_placement(self.placement)}

    @property
    def branch(self) -> str:
        """The branch for the commit if `main` accepts no push."""
        place = f"{self.message.action}-{self.deployment.stage}-{self.deployment.model}"
        return f"goldenpath/{place}-{self.message.digest.hex[:12]}"

    def relying_on(self, envelope: Digest) -> "StageChange":
        """Return the change with its signed decision: files and message name the envelope."""
        return replace(
            self,
            placement=replace(self.placement, decision=envelope),
            message=replace(self.message, decision=envelope),
        )


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's approval of a release for a stage, before it is signed."""

    person: str
    stage: str
    model: str
    digest: Digest
    time: datetime
    until: datetime
    statement: Statement
    evidence: tuple[Digest, ...]
    """Envelopes of the evidence that the person saw."""
    confirms: str = ""
    """The person who used break-glass, if this approval is the second person's."""


@dataclass(frozen=True, slots=True)
class GateWaiver:
    """A person's waiver of one closed gate, before it is signed."""

    person: str
    gate: str
    stage: str
    model: str
    digest: Digest
    time: datetime
    until: datetime
    statement: Statement
    reason: str
    message: str
    """The message of the gate's finding when it was waived."""


@dataclass(frozen=True, slots=True)
class TrustChange:
    """One commit that changes trust, agreed to by everybody who must."""

    parent: str | None
    """None for the first commit of a platform."""
    time: datetime
    files: Mapping[str, bytes | None]
    message: str
    by: tuple[str, ...]
    """Names of the people who agree to it."""
    proposal: str = ""
    """The proposal that it confirms; empty if one person was enough."""

    @property
    def branch(self) -> str:
        """The branch for the commit if `main` accepts no push; empty: then it is refused."""
        return f"{proposal_branch(self.proposal)}-confirmed" if self.proposal else ""


@dataclass(frozen=True, slots=True)
class TrustProposal:
    """A change of trust that waits for a second person."""

    parent: str
    time: datetime
    files: Mapping[str, bytes | None]
    message: str
    base: str
    """The last change of trust, which the first person's signature names."""
    proposal: str
    """The name of the proposal."""
    by: tuple[str, ...]
    """Names of the people who may confirm it."""

    @property
    def branch(self) -> str:
        """The branch in which it waits."""
        return proposal_branch(self.proposal)


Intent = Declined | Unchanged | StageChange | Approval | GateWaiver | TrustChange | TrustProposal
PromotionIntent = StageChange | Declined
TrustIntent = TrustChange | TrustProposal


def proposal_branch(proposal: str) -> str:
    """Return the branch in which a change of trust waits for a second person."""
    return f"goldenpath/trust-{proposal}"


def stage_change(
    scene: StageScene,
    desired: Deployment,
    placement: Placement,
    message: CommitMessage,
    *,
    decision: Decision | None = None,
) -> StageChange:
    """Return the commit that makes the stage run `wanted`.

    Raises `InvalidInput` for what KServe would refuse.
    """
    files = changed_files(desired, scene.platform, scene.manifests)
    return StageChange(scene.commit, scene.now, desired, placement, files, message, decision)
