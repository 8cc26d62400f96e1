"""The workspace of a person or machine: reads a scene, lets an act decide, publishes its intent.

Everything that an act writes goes through `publish`. `enact` repeats all three steps if somebody
else committed first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar, cast

from goldenpath.digest import Digest
from goldenpath.oci.store import Store
from goldenpath.promote.acts.intents import (
    Approval,
    Declined,
    GateWaiver,
    Intent,
    StageChange,
    TrustChange,
    TrustProposal,
    Unchanged,
)
from goldenpath.promote.forge.pull_request import NOT_ASKED, Forge, MergeAnswer
from goldenpath.promote.gates.gate import Decision
from goldenpath.promote.gates.monitoring.monitor_view import MonitorReader
from goldenpath.promote.gates.test_sets.data_looks import LookReader
from goldenpath.promote.manifests.desired import Deployment
from goldenpath.promote.repository.address import MovedOn
from goldenpath.promote.repository.chain_of_trust import Trusted, follow
from goldenpath.promote.repository.commit import Commit, parse_commit, parse_trailers
from goldenpath.promote.repository.countersign import sign_change
from goldenpath.promote.repository.first_seen import FirstSeen, Sighting
from goldenpath.promote.repository.identity import Identity
from goldenpath.promote.repository.worktree import Repository
from goldenpath.promote.workspace.clock_check import OtherClock, nobody_else, refuse_wrong_clock
from goldenpath.promote.workspace.publication import Draft, propose_draft, publish_draft
from goldenpath.release.attest.attach import attach_ssh
from goldenpath.release.attest.statement import Statement

ATTEMPTS = 10
"""How often a change is decided before giving up, if others keep committing first."""

SceneT = TypeVar("SceneT")
IntentT = TypeVar("IntentT", bound=Intent)
DecidedT = TypeVar("DecidedT", bound=Intent, covariant=True)


@dataclass(frozen=True, slots=True)
class Workspace:
    """Who acts on which repository, with everything that is needed to read and publish."""

    repository: Repository
    pin: Path
    """The file that names the first commit, from which all trust follows."""
    open_store: Callable[[], Store]
    """Opens the store of releases when it is needed: a change of trust may repair its address."""
    acting: Identity
    clock: Callable[[], datetime]
    forge: Forge | None = None
    """Where pull requests are opened; None if the platform has no forge."""
    other_clock: Callable[[], OtherClock | None] = nobody_else
    """Asks the clock of the repository's server; None if it has none that can be asked."""
    monitored: MonitorReader | None = None
    """Reads what the monitors of this machine know; None if it has none."""
    looked: LookReader | None = None
    """Reads how often data were looked at; None where nobody can count that."""

    @property
    def store(self) -> Store:
        """The store of releases and of the statements about them."""
        return self.open_store()

    def seen(self, commit: Commit) -> datetime:
        """Return when a commit came, by this machine's first-seen times."""
        return FirstSeen.beside(self.pin).arrival(commit)


@dataclass(frozen=True, slots=True)
class Outcome(Generic[DecidedT]):
    """The result of an act: its intent, and where it was published."""

    intent: DecidedT
    commit: str = ""
    """The commit on `main`; empty if it waits in a branch or nothing was changed."""
    branch: str = ""
    """The branch where the commit waits because `main` accepts no push; else empty."""
    request: MergeAnswer = NOT_ASKED
    """The pull request for that branch."""
    envelope: Digest | None = None
    """The statement that was signed and attached to the release."""
    diff: str = ""
    """What the commit changes; empty unless it was asked for."""

    @property
    def deployment(self) -> Deployment | None:
        """The new desired state; None if no stage was changed."""
        intent: Intent = self.intent
        return intent.deployment if isinstance(intent, StageChange) else None

    @property
    def decision(self) -> Decision | None:
        """The decision of the gates; None if no gate was asked."""
        intent: Intent = self.intent
        return intent.decision if isinstance(intent, StageChange | Declined) else None

    @property
    def approved_by(self) -> tuple[str, ...]:
        """Names of those whose approvals the change relies on."""
        match cast(Intent, self.intent):
            case Declined(_, people):
                return people
            case StageChange(message=message):
                return message.approved_by
        return ()

    @property
    def reason(self) -> str:
        """The reason in the commit; empty if no stage was changed."""
        intent: Intent = self.intent
        return intent.message.reason if isinstance(intent, StageChange) else ""

    @property
    def closed(self) -> tuple[str, ...]:
        """Names of the gates that refused."""
        findings = self.decision.findings if self.decision is not None else ()
        return tuple(finding.check for finding in findings if finding.status == "fail")


def enact(
    workspace: Workspace,
    read: Callable[[Trusted], SceneT],
    decide: Callable[[SceneT], IntentT],
    *,
    dry_run: bool = False,
) -> Outcome[IntentT]:
    """Read the newest state, decide and publish; do it again if somebody else committed first.

    A dry run shows what would change. Raises `MovedOn` after `ATTEMPTS` attempts.
    """
    write = preview if dry_run else publish
    # The decision is made again and not only the commit: what changed on `main` may have closed a
    # gate.
    for _ in range(ATTEMPTS - 1):
        try:
            return write(workspace, decide(read(newest(workspace))))
        except MovedOn:
            continue
    return write(workspace, decide(read(newest(workspace))))


def newest(workspace: Workspace) -> Trusted:
    """Return the newest commit, with its whole chain of signatures verified."""
    return follow(workspace.repository, workspace.pin, workspace.clock())


def publish(workspace: Workspace, intent: IntentT) -> Outcome[IntentT]:
    """Carry out what an act decided: sign, attach, commit, push.

    Raises `MovedOn`, with nothing committed, if `main` is not where the scene was read, and
    `Unavailable` if the clock of this machine is wrong.
    """
    if not isinstance(intent, Declined | Unchanged):
        _refuse_wrong_clock(workspace)
    match cast(Intent, intent):
        case Declined() | Unchanged():
            return Outcome(intent)
        case StageChange() as change:
            return cast(Outcome[IntentT], _publish_stage(workspace, change))
        case Approval(digest=digest) | GateWaiver(digest=digest) as signed:
            envelope = _attach(workspace, digest, signed.statement, signed.time)
            return Outcome(intent, envelope=envelope)
        case TrustChange() as change:
            outcome = publish_draft(
                workspace.repository,
                Draft(change.parent, change.time, change.files, change.message),
                workspace.acting,
                waits_in=change.branch,
                forge=workspace.forge,
            )
            _note_own(workspace, outcome.commit, change.time)
            return Outcome(intent, outcome.commit, outcome.branch, outcome.request)
        case TrustProposal() as proposal:
            _propose(workspace, proposal)
            return Outcome(intent)


def _refuse_wrong_clock(workspace: Workspace) -> None:
    head = workspace.repository.head()
    tip = parse_commit(head, workspace.repository.raw([head])[head])
    refuse_wrong_clock(workspace.clock(), tip.time, workspace.other_clock())


def preview(workspace: Workspace, intent: IntentT) -> Outcome[IntentT]:
    """Return what `publish` would change, as a diff; nothing is written anywhere."""
    shown: Intent = intent
    if isinstance(shown, StageChange | TrustChange | TrustProposal):
        return Outcome(intent, diff=workspace.repository.diff(shown.parent, shown.files))
    return Outcome(intent)


def _publish_stage(workspace: Workspace, change: StageChange) -> Outcome[StageChange]:
    envelope = None
    if change.statement is not None:
        # Attached before the commit, because admission refuses a commit whose decision is missing.
        envelope = _attach(workspace, change.message.digest, change.statement, change.time)
        change = change.relying_on(envelope)
    draft = Draft(change.parent, change.time, change.files, change.message.render())
    outcome = publish_draft(
        workspace.repository,
        draft,
        workspace.acting,
        waits_in=change.branch,
        forge=workspace.forge,
    )
    _note_own(workspace, outcome.commit, change.time)
    return Outcome(change, outcome.commit, outcome.branch, outcome.request, envelope)


def _note_own(workspace: Workspace, commit: str, now: datetime) -> None:
    """Note that this machine saw the commit when it made it, even if it follows git much later."""
    if commit:
        FirstSeen.beside(workspace.pin).keep({commit: Sighting(now, now)})


def _propose(workspace: Workspace, proposal: TrustProposal) -> None:
    acting = workspace.acting
    trailers = sign_change(proposal.base, proposal.files, acting.name, acting.key)
    # Trailers are the last paragraph, so those of the message have to stand in it too.
    gap = "\n" if parse_trailers(proposal.message) else "\n\n"
    message = f"{proposal.message.rstrip()}{gap}{trailers}"
    draft = Draft(proposal.parent, proposal.time, proposal.files, message)
    propose_draft(workspace.repository, draft, acting, proposal.branch)


def _attach(workspace: Workspace, digest: Digest, statement: Statement, time: datetime) -> Digest:
    """Sign the statement, attach it to the release, and return the digest of its envelope."""
    store = workspace.store
    image = store.resolve(digest.text)
    return attach_ssh(store, image, statement, workspace.acting.key, now=time).digest
