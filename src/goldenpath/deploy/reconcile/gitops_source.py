"""The gitops repository as the reconcile loop reads it: trusted commits only."""

import time
from collections.abc import Mapping
from pathlib import Path

from goldenpath.deploy.reconcile.poll import Poll
from goldenpath.errors import Unavailable, VerificationError
from goldenpath.promote.repository.chain_of_trust import Trusted, follow, last_trusted
from goldenpath.promote.repository.worktree import BRANCH, Repository

FOLDER = "envs"


class GitSource:
    """`main` of a repository, its chain of signatures verified from the pinned first commit."""

    def __init__(self, repository: Repository, pin: Path) -> None:
        self._repository = repository
        self._pin = pin
        self._known: Trusted | None = None
        self._poll = Poll(repository.fetch, time.monotonic)
        self._is_here = Path(repository.url).is_dir()

    def follow(self) -> Trusted:
        """Return the newest commit, verified. Raises like `follow` of the chain of trust.

        Nothing is read again while `main` is at the commit that was verified last.
        """
        known = self._known
        if known is not None and self._head() == known.commit:
            return known
        if not self._is_here:
            # Raises what the last poll raised: an unreachable remote is not asked at each step.
            self._head()
        self._known = None
        self._known = follow(self._repository, self._pin)
        return self._known

    def _head(self) -> str:
        """Return the head of `main`: from a file if the repository is local, else from git."""
        if not self._is_here:
            return self._poll.head()
        try:
            return (Path(self._repository.url) / BRANCH).read_text().strip()
        except OSError:
            return self._repository.fetch()  # the references are packed, or the folder is gone

    def hurry(self) -> None:
        """Let the next `follow` ask the remote at once, without waiting for the next poll."""
        self._poll.hurry()

    def last(self) -> Trusted:
        """Return the newest commit that was trusted before, from the local copy."""
        return last_trusted(self._repository, self._pin)

    def newest(self) -> Trusted:
        """Return the newest commit if it can be fetched and trusted, else the last trusted one."""
        return self.seen()[0]

    def seen(self) -> tuple[Trusted, str]:
        """Return `newest` and why it is not the head of git; the reason is empty if it is."""
        try:
            return self.follow(), ""
        except (VerificationError, Unavailable) as error:
            return self.last(), error.message

    def files(self, commit: str) -> Mapping[str, bytes]:
        """Return every file below `envs/` in a commit."""
        return self._repository.files(commit, FOLDER)
