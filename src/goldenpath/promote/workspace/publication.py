"""Publishes a commit to `main`: signed and pushed, or to a branch if the push is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from goldenpath.promote.forge.pull_request import NOT_ASKED, Forge, MergeAnswer, ask
from goldenpath.promote.repository.address import Protected
from goldenpath.promote.repository.identity import Identity
from goldenpath.promote.repository.worktree import Repository


@dataclass(frozen=True, slots=True)
class Draft:
    """A commit before it is made."""

    parent: str | None
    """None for the first commit of a repository."""
    time: datetime
    files: Mapping[str, bytes | None]
    """The new content of each changed path; None deletes it."""
    message: str


@dataclass(frozen=True, slots=True)
class Publication:
    """Where a commit was published."""

    commit: str
    """The commit on `main`; empty if it waits in a branch."""
    branch: str = ""
    """The branch where it waits because `main` accepts no push; empty if it does not wait."""
    request: MergeAnswer = NOT_ASKED
    """The pull request for that branch."""


def publish_draft(
    repository: Repository,
    draft: Draft,
    identity: Identity,
    *,
    waits_in: str = "",
    forge: Forge | None = None,
) -> Publication:
    """Push the commit to `main`, or to a branch with a pull request if `main` accepts no push.

    The branch must be merged by a fast-forward: any other merge makes a commit that no listed
    person signed. Raises `MovedOn` if `main` is not at the parent any more, `Protected` if it
    accepts no push and `waits_in` is empty.
    """
    try:
        return Publication(_commit(repository, draft, identity, "main"))
    except Protected:
        if not waits_in:
            raise
    _commit(repository, draft, identity, waits_in)
    return Publication("", waits_in, ask(forge, waits_in, draft.message))


def propose_draft(repository: Repository, draft: Draft, identity: Identity, branch: str) -> None:
    """Push the commit to a branch of its own, where it waits for a second person."""
    _commit(repository, draft, identity, branch)


def _commit(repository: Repository, draft: Draft, identity: Identity, branch: str) -> str:
    return repository.commit(
        draft.parent,
        draft.files,
        draft.message,
        identity.name,
        key=identity.key,
        now=draft.time,
        branch=branch,
    )
