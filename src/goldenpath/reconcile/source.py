"""The gitops repository as the reconcile loop asks for it: only as far as it is trusted."""

from collections.abc import Mapping
from pathlib import Path

from goldenpath.errors import Unavailable, VerificationError
from goldenpath.gitops.trust import Trusted, follow, last_trusted
from goldenpath.gitops.worktree import Repository

FOLDER = "envs"


class GitSource:
    """`main` of a repository, its chain of signatures verified from the pinned first commit."""

    def __init__(self, repository: Repository, pin: Path) -> None:
        self._repository = repository
        self._pin = pin

    def follow(self) -> Trusted:
        """The newest commit, verified. Raises like `goldenpath.gitops.trust.follow`."""
        return follow(self._repository, self._pin)

    def last(self) -> Trusted:
        """The newest commit that was trusted before, from what is here already."""
        return last_trusted(self._repository, self._pin)

    def newest(self) -> Trusted:
        """The newest commit if it can be had and trusted, else the last one that could."""
        try:
            return self.follow()
        except (VerificationError, Unavailable):
            return self.last()

    def files(self, commit: str) -> Mapping[str, bytes]:
        """Every file below `envs/` in a commit."""
        return self._repository.files(commit, FOLDER)
