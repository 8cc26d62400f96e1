"""When signed statements were there at the latest, by the commits of `main` that name them.

A release file names the decision and the approvals of a promotion by their digests, and a decision
cites the evidence that the gates saw. So the commit shows that all of it was there. Its own time is
that of the follower, which saw it come (`goldenpath.promote.repository.first_seen`).

Only statements by keys that have ended are judged by these times. So nothing is read while there is
no such key.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from threading import Lock

from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError
from goldenpath.promote.manifests.deployment_files import RELEASE_FILE
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.promote.repository.commit import Commit
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.policy import OWN_TIME

_DIGEST = re.compile(rb"sha256:[0-9a-f]{64}")
_TOGETHER = 500
"""Commits that are read in one call of git."""


class StatementTimes:
    """Reads `main` once, and further when it has moved on; threads may share it."""

    def __init__(self, repository: Repository, seen: Callable[[Commit], datetime]) -> None:
        """`seen` returns the time of a commit that counts."""
        self._repository = repository
        self._seen = seen
        self._lock = Lock()
        self._head: str | None = None
        self._times: dict[Digest, datetime] = {}

    def known(self, trusted: Trusted, now: datetime) -> Mapping[Digest, datetime] | None:
        """Return the time of each statement that commits name; None if no key has ended."""
        if not has_ended_key(trusted.platform, now):
            return None
        with self._lock:
            if self._head != trusted.commit:
                self._follow(trusted.commit)
            return dict(self._times)

    def _follow(self, commit: str) -> None:
        """Read what is new up to the commit; another line, or an older commit, begins anew."""
        start = self._head
        if start is not None and not self._repository.contains(start, commit):
            start = None
        if start is None:
            self._times = {}
        self._head = None  # half a batch may be in it if git fails
        try:
            ids = self._repository.first_parents(start, commit)
            for begin in range(0, len(ids), _TOGETHER):
                self._read(self._repository.commits(ids[begin : begin + _TOGETHER]))
        except GoldenPathError:
            self._times = {}
            raise
        self._head = commit

    def _read(self, commits: Sequence[Commit]) -> None:
        placed = [
            (each, f"{each.id}:{path}")
            for each in commits
            for path in each.paths
            if path.startswith("envs/") and path.endswith(f"/{RELEASE_FILE}")
        ]
        contents = self._repository.deployment_files([name for _, name in placed])
        for (commit, _), content in zip(placed, contents, strict=True):
            for text in _DIGEST.findall(content or b""):
                digest, time = Digest(text.decode("ascii")), self._seen(commit)
                self._times[digest] = min(time, self._times.get(digest, time))


def whose_times(platform: Platform, now: datetime, *, has_follower: bool) -> str:
    """Return in a few words by whose time statements by keys that have ended are judged."""
    if not has_ended_key(platform, now):
        return "no build key has ended, so no time decides about a statement"
    if has_follower:
        return "by the time when this machine first saw a commit that names it"
    return OWN_TIME


def has_ended_key(platform: Platform, now: datetime) -> bool:
    """Whether the time of a build key is over, or a build key was revoked."""
    ends = (end for key in platform.build_keys for end in (key.valid_until, key.revoked_at))
    return any(end is not None and end <= now for end in ends)
