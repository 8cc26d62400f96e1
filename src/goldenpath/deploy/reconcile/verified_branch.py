"""Moves the branch `verified`, which Argo CD watches, forward to commits that were judged here.

Argo CD verifies no SSH signature and no gate. So it watches a branch of its own. A follower moves
that branch along `main`: only to trusted commits, only forward, and only where each release that
enters, or gets more traffic, is admitted. What was refused stays where it is until `main` mends it.

Nothing is remembered between two passes: git says where the branch is. So a crash, or a second
follower, leaves nothing half done.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, NotFound, Unavailable
from goldenpath.promote.manifests.deployment_files import Survey, deployment_folder
from goldenpath.promote.manifests.desired import Deployment
from goldenpath.promote.repository.chain_of_trust import Trusted, platform_at
from goldenpath.promote.repository.worktree import Repository
from goldenpath.promote.workspace.desired_state import Surveyor

MOST_COMMITS = 200
"""Commits of `main` after the branch that are judged, the newest first."""
_NOTHING = Survey((), {}, ())


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a commit may not be followed by a cluster."""

    reason: str
    is_known: bool = True
    """False if it could not be judged: that is neither a "yes" nor a "no"."""


Judge = Callable[[Deployment, Digest], Objection | None]
"""Says why a release may not enter a deployment or get more traffic there; None if it may."""
BranchState = Literal["current", "waits", "astray", "unknown"]


@dataclass(frozen=True, slots=True)
class VerifiedBranch:
    """Where the branch is after a pass, and why it is not further."""

    commit: str
    """Where it is; empty if it is not there, or if that could not be found out."""
    newest: str
    """The newest commit of `main` that is trusted here."""
    state: BranchState
    """`astray`: somebody moved it to a commit that is not trusted here."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ReleaseRise:
    """A release that enters a deployment, or gets more of its traffic than before."""

    deployment: Deployment
    digest: Digest


def rises(before: Survey, after: Survey) -> Iterator[ReleaseRise]:
    """Yield each release that has more in `after`; one that loses, such as by a rollback, has not.

    A release that is refused by now must not keep anybody from taking it back.
    """
    known = {each.name: each for each in before.deployments}
    for deployment in after.deployments:
        shares = _shares(known.get(deployment.name))
        for digest, percent in _shares(deployment).items():
            if percent > shares.get(digest, -1):
                yield ReleaseRise(deployment, digest)


def _shares(deployment: Deployment | None) -> dict[Digest, int]:
    # What is stopped has nothing, so that starting it again is a rise.
    if deployment is None or deployment.stopped:
        return {}
    return {slot.digest: slot.percent for slot in deployment.releases}


def branch_head(branch: Repository) -> str:
    """Return where the remote has the branch; empty if it has none."""
    try:
        return branch.remote_head()
    except NotFound:
        return ""


class BranchKeeper:
    """One pass over the branch of a repository."""

    def __init__(
        self, main: Repository, branch: Repository, surveyor: Surveyor, judge: Judge
    ) -> None:
        self._main = main
        self._branch = branch
        self._surveyor = surveyor
        self._judge = judge
        self._surveyed: dict[str, Survey] = {"": _NOTHING}

    def move(self, head: str, trusted: Trusted, fault: GoldenPathError | None) -> VerifiedBranch:
        """Move the branch as far as it may go, and return where it is then.

        `head` is where it was before `main` was read, so that `main` has it unless somebody moved
        it. `fault` says why the head of `main` is not trusted. Raises `MovedOn` if another follower
        was faster, `Protected` if the remote refuses.
        """
        newest = trusted.commit
        if head and not self._has(head, newest):
            return VerifiedBranch(head, newest, "astray", _astray(head, newest, fault))
        reached, objection = self._reached(head, newest)
        if reached != head:
            self._branch.forward(reached)
        if fault is not None:
            state: BranchState = "unknown" if isinstance(fault, Unavailable) else "waits"
            return VerifiedBranch(reached, newest, state, fault.message)
        if objection is None:
            return VerifiedBranch(reached, newest, "current")
        state = "waits" if objection.is_known else "unknown"
        return VerifiedBranch(reached, newest, state, objection.reason)

    def _has(self, head: str, newest: str) -> bool:
        try:
            return self._main.contains(head, newest)
        except NotFound:
            return False  # a commit that was never fetched: `main` does not have it

    def _reached(self, head: str, newest: str) -> tuple[str, Objection | None]:
        """Return the newest commit that may be followed, and what the newest of all is short of."""
        line = list(reversed(self._main.first_parents(head or None, newest)))
        # A new branch begins at the newest commit or not at all: an older one would take back what
        # runs by now.
        first: Objection | None = None
        for commit in line[: MOST_COMMITS if head else 1]:
            objection = self._objection(head, commit)
            if objection is None:
                return commit, first
            first = first or replace(objection, reason=f"{commit[:12]}: {objection.reason}")
        return head, first

    def _objection(self, head: str, commit: str) -> Objection | None:
        before, after = self._survey(head), self._survey(commit)
        for name, problem in sorted(after.problems.items()):
            # A file that was unreadable before is no change. Argo CD would apply another one.
            if self._files(head, name) != self._files(commit, name):
                return Objection(f"{name}: {problem}")
        for rise in rises(before, after):
            objection = self._judge(rise.deployment, rise.digest)
            if objection is not None:
                place = f"{rise.deployment.name} {rise.digest.short}"
                return replace(objection, reason=f"{place}: {objection.reason}")
        return None

    def _survey(self, commit: str) -> Survey:
        if commit not in self._surveyed:
            trusted = Trusted(commit, platform_at(self._main, commit))
            self._surveyed[commit] = self._surveyor.survey(trusted)
        return self._surveyed[commit]

    def _files(self, commit: str, name: str) -> dict[str, str]:
        stage, _, model = name.partition("/")
        return dict(self._main.entries(commit, deployment_folder(stage, model))) if commit else {}


def _astray(head: str, newest: str, fault: GoldenPathError | None) -> str:
    why = "" if fault is None else f": {fault.message}"
    return (
        f"it is at {head[:12]}, which is not in the history that is trusted here up to "
        f"{newest[:12]}{why}"
    )
