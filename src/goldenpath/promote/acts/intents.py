"""What an act decides: a refusal, or everything that has to be written for it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from goldenpath.digest import Digest
from goldenpath.promote.acts.scene import StageScene
from goldenpath.promote.gates.gate import Decision, decision_statement
from goldenpath.promote.manifests.deployment_files import release_path, render_deployment
from goldenpath.promote.manifests.desired import Deployment, Placement
from goldenpath.promote.manifests.placement import render_placement
from goldenpath.promote.repository.commit_message import CommitMessage
from goldenpath.release.attest.statement import Statement


@dataclass(frozen=True, slots=True)
class Declined:
    """A gate is closed: nothing is written, and the decision says why."""

    decision: Decision
    approved_by: tuple[str, ...] = ()
    """Names of those whose approval counted."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Everything is as it should be: nothing is written."""


@dataclass(frozen=True, slots=True)
class StageChange:
    """One commit on one deployment, and the decision of the gates that it rests on."""

    parent: str
    """The commit that the scene was read from."""
    time: datetime
    deployment: Deployment
    """What git wants afterwards."""
    placement: Placement
    manifest: Mapping[str, bytes]
    """The InferenceService by path; empty if it stays as it is."""
    message: CommitMessage
    decision: Decision | None = None
    """None for what no gate is asked about."""

    @property
    def statement(self) -> Statement | None:
        """What is signed and attached to the release before anything is committed."""
        return None if self.decision is None else decision_statement(self.decision)

    @property
    def files(self) -> Mapping[str, bytes | None]:
        """What the commit writes, by path."""
        path = release_path(self.deployment.stage, self.deployment.model)
        return {**self.manifest, path: render_placement(self.placement)}

    @property
    def branch(self) -> str:
        """Where the commit waits if `main` takes no push."""
        place = f"{self.message.action}-{self.deployment.stage}-{self.deployment.model}"
        return f"goldenpath/{place}-{self.message.digest.hex[:12]}"

    def resting_on(self, envelope: Digest) -> "StageChange":
        """The same once its statement is signed: files and message name the envelope."""
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
    """Envelopes of everything that the person saw."""
    confirms: str = ""
    """Who used break-glass for the release, if this is the second person."""


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
    """What the gate said of the release when it was waived."""


@dataclass(frozen=True, slots=True)
class TrustChange:
    """One commit on what is trusted, by everybody who has to agree to it."""

    parent: str | None
    """None for the first commit of a platform."""
    time: datetime
    files: Mapping[str, bytes | None]
    message: str
    by: tuple[str, ...]
    """Who stands for it."""
    proposal: str = ""
    """The proposal that it confirms; empty if one person was enough."""

    @property
    def branch(self) -> str:
        """Where the commit waits if `main` takes no push; empty: then it is refused."""
        return f"{proposal_branch(self.proposal)}-confirmed" if self.proposal else ""


@dataclass(frozen=True, slots=True)
class TrustProposal:
    """A change of what is trusted that waits for a second person."""

    parent: str
    time: datetime
    files: Mapping[str, bytes | None]
    message: str
    base: str
    """The last change of trust, which the first person's signature names."""
    proposal: str
    """The name under which it waits."""
    by: tuple[str, ...]
    """Who may confirm it."""

    @property
    def branch(self) -> str:
        """Where it waits."""
        return proposal_branch(self.proposal)


Intent = Declined | Unchanged | StageChange | Approval | GateWaiver | TrustChange | TrustProposal
PromotionIntent = StageChange | Declined
TrustIntent = TrustChange | TrustProposal


def proposal_branch(proposal: str) -> str:
    """The branch in which a change of trust waits for a second person."""
    return f"goldenpath/trust-{proposal}"


def stage_change(
    scene: StageScene,
    wanted: Deployment,
    placement: Placement,
    message: CommitMessage,
    *,
    decision: Decision | None = None,
) -> StageChange:
    """The commit that makes the stage run what is wanted.

    Raises `InvalidInput` for what KServe would refuse.
    """
    manifest = render_deployment(wanted, scene.platform, scene.manifest)
    return StageChange(scene.commit, scene.now, wanted, placement, manifest, message, decision)
