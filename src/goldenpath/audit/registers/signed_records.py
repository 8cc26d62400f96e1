"""The signed records of one platform as of a moment: commits, platform file, statements."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from goldenpath.audit.answers.evidence_gathering import known_at
from goldenpath.audit.timeline.intent import read_history
from goldenpath.audit.timeline.live_model import Intent
from goldenpath.audit.timeline.platform_moment import platform_at_moment
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError
from goldenpath.oci.store import Store
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.promote.repository.commit import Commit
from goldenpath.promote.repository.first_seen import Sighting
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.policy import Verified


@dataclass(frozen=True, slots=True)
class SignedRecords:
    """The commits and statements of a platform, up to `moment`."""

    repository: Repository
    trusted: Trusted
    open_store: Callable[[], Store]
    read_statements: Callable[[Digest], Verified]
    """Verifies what the store holds about a release. Raises `GoldenPathError`."""
    sighting: Callable[[Commit], Sighting]
    moment: datetime
    _known: dict[Digest, Verified | GoldenPathError] = field(default_factory=dict)

    def history(self, model: str | None = None) -> tuple[Intent, ...]:
        """Return every commit up to the moment that placed or removed a release, in order."""
        everything = read_history(
            self.repository, self.trusted.commit, model, sighting=self.sighting
        )
        return tuple(each for each in everything if each.time <= self.moment)

    def commits(self) -> Iterator[Commit]:
        """Yield every commit up to the moment, newest first."""
        for commit in self.repository.history(to=self.trusted.commit):
            if self.came(commit) <= self.moment:
                yield commit

    def came(self, commit: Commit) -> datetime:
        """Return when a commit came to `main`."""
        return self.sighting(commit).arrival(commit.time)

    def platform(self) -> Platform:
        """Return the platform file in force at the moment; the first one for an earlier moment."""
        return platform_at_moment(self.repository, self.trusted, self.came, self.moment)

    def statements(self, digest: Digest) -> Verified:
        """Return what was signed about a release by the moment. Raises `GoldenPathError`."""
        if digest not in self._known:
            try:
                self._known[digest] = known_at(self.read_statements(digest), self.moment)
            except GoldenPathError as error:
                self._known[digest] = error
        answer = self._known[digest]
        if isinstance(answer, GoldenPathError):
            raise answer
        return answer
