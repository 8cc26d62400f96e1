"""The gitops repository as the reconcile loop asks for it: only as far as it is trusted."""

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
        """The newest commit, verified. Raises like `follow` of the chain of trust.

        Where `main` still is where it was verified last, nothing is read again.
        """
        known = self._known
        if known is not None and self._head() == known.commit:
            return known
        if not self._is_here:
            self._head()  # while the remote cannot be reached, it is not asked again and again
        self._known = None
        self._known = follow(self._repository, self._pin)
        return self._known

    def _head(self) -> str:
        """Where `main` is: one small file if the repository is on this machine, else git asks."""
        if not self._is_here:
            return self._poll.head()
        try:
            return (Path(self._repository.url) / BRANCH).read_text().strip()
        except OSError:
            return self._repository.fetch()  # its references are packed, or it is gone

    def hurry(self) -> None:
        """Lets the next `follow` ask a remote, however short ago that was done."""
        self._poll.hurry()

    def last(self) -> Trusted:
        """The newest commit that was trusted before, from what is here already."""
        return last_trusted(self._repository, self._pin)

    def newest(self) -> Trusted:
        """The newest commit if it can be had and trusted, else the last one that could."""
        return self.seen()[0]

    def seen(self) -> tuple[Trusted, str]:
        """Like `newest`, and in words why it is not what git has now; empty if it is."""
        try:
            return self.follow(), ""
        except (VerificationError, Unavailable) as error:
            return self.last(), error.message

    def files(self, commit: str) -> Mapping[str, bytes]:
        """Every file below `envs/` in a commit."""
        return self._repository.files(commit, FOLDER)
