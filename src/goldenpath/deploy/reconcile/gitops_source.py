"""The gitops repository as the reconcile loop reads it: trusted commits only."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from goldenpath.deploy.reconcile.poll import Poll
from goldenpath.errors import GoldenPathError, NotFound, Unavailable, VerificationError
from goldenpath.promote.repository.chain_of_trust import (
    LOOK,
    Trusted,
    follow,
    last_trusted,
    note_look,
    read_pin,
)
from goldenpath.promote.repository.chain_walk import WitnessedAt
from goldenpath.promote.repository.worktree import BRANCH, Repository

FOLDER = "envs"
_REFUSED_FOR = 30.0
"""Seconds until a head that was refused is verified again."""


def _system_clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _RefusedHead:
    """A head of `main` that is not trusted: nothing is fetched again while it stays."""

    commit: str
    error: GoldenPathError
    again_at: float


class GitSource:
    """`main` of a repository, its chain of signatures verified from the pinned first commit."""

    def __init__(
        self,
        repository: Repository,
        pin: Path,
        clock: Callable[[], datetime] = _system_clock,
        *,
        witnessed_at: WitnessedAt | None = None,
    ) -> None:
        """`witnessed_at` tells when other machines signed that they had seen commits."""
        self._repository = repository
        self._pin = pin
        self._clock = clock
        self._witnessed_at = witnessed_at
        self._known: Trusted | None = None
        self._last: Trusted | None = None
        self._refused: _RefusedHead | None = None
        self._noted: float | None = None
        self._poll = Poll(repository.remote_head, time.monotonic)
        self._is_here = Path(repository.url).is_dir()

    def follow(self) -> Trusted:
        """Return the newest commit, verified. Raises like `follow` of the chain of trust.

        Nothing is read again while `main` is at the commit that was verified or refused last.
        """
        # Raises what the last poll raised: an unreachable remote is not asked at each step.
        head = self._head()
        known, refused = self._known, self._refused
        if known is not None and head == known.commit:
            self._note_look()
            return known
        if refused is not None and head == refused.commit and time.monotonic() < refused.again_at:
            raise refused.error
        self._known = self._refused = None
        try:
            self._known = follow(
                self._repository, self._pin, self._clock(), witnessed_at=self._witnessed_at
            )
        except VerificationError as error:
            self._refused = _RefusedHead(head, error, time.monotonic() + _REFUSED_FOR)
            raise
        return self._known

    def _note_look(self) -> None:
        """Note now and then that the remote had nothing new."""
        if self._noted is None or time.monotonic() - self._noted >= LOOK.total_seconds():
            self._noted = time.monotonic()
            note_look(self._pin, self._clock())

    def _head(self) -> str:
        """Return the head of `main`: from a file if the repository is local, else from git."""
        if not self._is_here:
            return self._poll.head()
        try:
            return (Path(self._repository.url) / BRANCH).read_text().strip()
        except OSError:
            # The references are packed, or the folder is gone.
            return self._repository.remote_head()

    def hurry(self) -> None:
        """Let the next `follow` ask the remote at once, without waiting for the next poll."""
        self._refused = None
        self._poll.hurry()

    def last(self) -> Trusted:
        """Return the newest commit that was trusted before, from the local copy."""
        if self._last is None or read_pin(self._pin).verified != self._last.commit:
            self._last = last_trusted(self._repository, self._pin)
        return self._last

    def newest(self) -> Trusted:
        """Return the newest commit if it can be fetched and trusted, else the last trusted one."""
        return self.seen()[0]

    def seen(self) -> tuple[Trusted, str]:
        """Return `newest` and why it is not the head of git; the reason is empty if it is."""
        trusted, fault = self.followed()
        return trusted, "" if fault is None else fault.message

    def followed(self) -> tuple[Trusted, GoldenPathError | None]:
        """Return `newest` and the error that keeps it from being the head of git; None if it is."""
        try:
            return self.follow(), None
        except (VerificationError, Unavailable) as error:
            try:
                return self.last(), error
            except NotFound:
                raise error from None  # it says why nothing was ever trusted here

    def files(self, commit: str) -> Mapping[str, bytes]:
        """Return every file below `envs/` in a commit."""
        return self._repository.files(commit, FOLDER)
