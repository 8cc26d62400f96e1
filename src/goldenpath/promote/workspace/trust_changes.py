"""Changes of trust: proposed by one person and confirmed by another."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from goldenpath.promote.acts import proposal
from goldenpath.promote.acts.holding import DeploymentUse, refuse_used
from goldenpath.promote.acts.intents import TrustIntent
from goldenpath.promote.acts.proposal import Proposed
from goldenpath.promote.acts.scene import TrustScene
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.promote.repository.commit import parse_trailers
from goldenpath.promote.repository.commit_message import MODEL, RETIRE, STAGE, action_of
from goldenpath.promote.workspace.scene_reader import read_proposal, read_trust
from goldenpath.promote.workspace.workspace import (
    Outcome,
    Workspace,
    enact,
    preview,
    publish,
)

FindUse = Callable[[str, str], DeploymentUse]
"""Returns who uses a model in a stage, from the names of stage and model."""


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


def confirm(
    workspace: Workspace, name: str, *, dry_run: bool = False, use: FindUse | None = None
) -> Outcome[TrustIntent]:
    """Put somebody else's proposal on `main`; `use` finds out whether a model is used that retires.

    Raises `VerificationError` if no listed person proposed it, `InvalidInput` if trust has changed
    since, or the person may not confirm it.
    """

    def read(trusted: Trusted) -> tuple[TrustScene, Proposed]:
        return read_proposal(workspace, read_trust(workspace, trusted), name)

    def decide(scene: tuple[TrustScene, Proposed]) -> TrustIntent:
        _refuse_use(scene[1], use)
        return proposal.review(*scene) if dry_run else proposal.confirm(*scene)

    outcome = enact(workspace, read, decide, dry_run=dry_run)
    return outcome if dry_run else replace(outcome, diff=preview(workspace, outcome.intent).diff)


def _refuse_use(proposed: Proposed, use: FindUse | None) -> None:
    """Raise `Stalled` if the proposal retires a model that is used again since it was made."""
    subject = proposed.message.partition("\n")[0]
    if use is None or action_of(subject) != RETIRE:
        return
    trailers = parse_trailers(proposed.message)
    stage, model = ("".join(trailers.get(name, ())) for name in (STAGE, MODEL))
    refuse_used(f"{stage}/{model}", use(stage, model))
