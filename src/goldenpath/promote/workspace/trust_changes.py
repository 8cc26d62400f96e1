"""Changes of trust: proposed by one person and confirmed by another."""

from collections.abc import Mapping
from dataclasses import replace

from goldenpath.promote.acts import proposal
from goldenpath.promote.acts.intents import TrustIntent
from goldenpath.promote.acts.proposal import Proposed
from goldenpath.promote.acts.scene import TrustScene
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.promote.workspace.scene_reader import read_proposal, read_trust
from goldenpath.promote.workspace.workspace import (
    Outcome,
    Workspace,
    enact,
    preview,
    publish,
)


def change_trust(
    workspace: Workspace,
    trusted: Trusted,
    files: Mapping[str, bytes | None],
    message: str,
    *,
    two: bool = False,
) -> Outcome[TrustIntent]:
    """Commit `files`, or propose them if set-up is over or `two` is set.

    The files were made from `trusted`. If `main` has changed meanwhile, `MovedOn` is raised and
    nothing is decided again, since these files would undo the other change.
    """
    scene = read_trust(workspace, trusted, tuple(files))
    return publish(workspace, proposal.change_trust(scene, files, message, two=two))


def confirm(workspace: Workspace, name: str, *, dry_run: bool = False) -> Outcome[TrustIntent]:
    """Put somebody else's proposal on `main`.

    Raises `VerificationError` if no listed person proposed it, `InvalidInput` if trust has changed
    since, or the person may not confirm it.
    """

    def read(trusted: Trusted) -> tuple[TrustScene, Proposed]:
        return read_proposal(workspace, read_trust(workspace, trusted), name)

    def decide(scene: tuple[TrustScene, Proposed]) -> TrustIntent:
        return proposal.review(*scene) if dry_run else proposal.confirm(*scene)

    outcome = enact(workspace, read, decide, dry_run=dry_run)
    return outcome if dry_run else replace(outcome, diff=preview(workspace, outcome.intent).diff)
