"""The one way of a commit to `main`: signed, pushed, and where that is refused into a branch."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from goldenpath.promote.repository.identity import Identity
from goldenpath.promote.repository.pull_request import NOT_ASKED, Forge, MergeAnswer, ask
from goldenpath.promote.repository.worktree import Protected, Repository


@dataclass(frozen=True, slots=True)
class Draft:
    """A commit that is decided and not made yet."""

    parent: str | None
    """None for the first commit of a repository."""
    time: datetime
    files: Mapping[str, bytes | None]
    """What each changed path holds afterwards; None deletes it."""
    message: str


@dataclass(frozen=True, slots=True)
class Publication:
    """Where a commit is now."""

    commit: str
    """On `main`; empty if it waits or was not made."""
    branch: str = ""
    """Where it waits, because `main` takes no push; empty if it does not wait."""
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
    """Puts the commit on `main`; where that takes no push, into a branch with a pull request.

    It has to be merged by a fast-forward: any other merge makes a commit that none of the listed
    people signed. Raises `MovedOn` if `main` is not at the parent any more, `Protected` if it takes
    no push and there is no branch to wait in.
    """
    try:
        return Publication(_commit(repository, draft, identity, "main"))
    except Protected:
        if not waits_in:
            raise
    _commit(repository, draft, identity, waits_in)
    return Publication("", waits_in, ask(forge, waits_in, draft.message))


def propose_draft(repository: Repository, draft: Draft, identity: Identity, branch: str) -> None:
    """Puts the commit into a branch of its own, where a second person finds it."""
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
