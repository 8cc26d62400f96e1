"""The entries of releases into stages, read from the commits of `main`.

Whoever follows git judges the gates of a stage again. Two of their facts are in the history and
nowhere else: the release that the stage ran before, and how long the release was live in the stage
before. Only the first parent of each commit is followed, since that is what `main` said.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from threading import Lock

from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, InvalidInput
from goldenpath.promote.manifests.deployment_files import (
    RELEASE_FILE,
    deployment_folder,
    folder_of,
    parse_deployments,
)
from goldenpath.promote.manifests.desired import Deployment, StageEntry
from goldenpath.promote.manifests.restrictions import Files
from goldenpath.promote.platform.platform import FILE, Platform, parse_platform
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.promote.repository.commit import Commit
from goldenpath.promote.repository.worktree import Repository
from goldenpath.promote.workspace.statement_times import StatementTimes

MOST_ENTRIES = 5
"""Entries of one release into one stage that are judged, the newest first."""
_TOGETHER = 500
"""Commits that are read in one call of git."""


@dataclass(frozen=True, slots=True)
class _Change:
    """A commit of `main` that changed what a cluster applies of a deployment."""

    position: int
    """Its place on `main`."""
    commit: str
    time: datetime
    platform: str
    """The blob of the platform file in force before the commit."""
    applied: Mapping[str, bytes]
    """The files by path; empty if the commit removed the deployment."""


@dataclass(frozen=True, slots=True)
class _State:
    """What a commit declared for a deployment; no digests if it removed the deployment."""

    change: _Change
    digests: tuple[Digest, ...] = ()
    """The first one is the stable release."""
    stopped: bool = False

    @property
    def stable(self) -> Digest | None:
        """The stable release, stopped or not."""
        return self.digests[0] if self.digests else None


class StageHistory:
    """Indexes `main` once, and reads further when it has moved on; threads may share it."""

    def __init__(
        self, repository: Repository, seen: Callable[[Commit], datetime] = lambda each: each.time
    ) -> None:
        """`seen` returns the time of a commit that counts."""
        self._repository = repository
        self._seen = seen
        self._statements = StatementTimes(repository, seen)
        self._lock = Lock()
        self._head: str | None = None
        self._places: dict[str, int] = {}
        self._in_force = ""
        self._changes: dict[str, list[_Change]] = {}
        self._platforms: dict[str, Platform] = {}

    def entries(
        self, trusted: Trusted, stage: str, model: str, digest: Digest
    ) -> tuple[StageEntry, ...]:
        """Return the entries of a release into a stage up to the trusted commit, newest first."""
        with self._lock:
            end = self._follow(trusted.commit)
            states = self._states(deployment_folder(stage, model), end)
            entered = [
                (last, state)
                for last, state in pairwise((None, *states))
                if state is not None
                and digest in state.digests
                and (last is None or digest not in last.digests)
            ]
            newest_first = reversed(entered[-MOST_ENTRIES:])
            return tuple(
                self._entry(last, state, (stage, model, digest)) for last, state in newest_first
            )

    def _entry(
        self, last: _State | None, state: _State, place: tuple[str, str, Digest]
    ) -> StageEntry:
        """Return an entry of a release into the stage of a model, `place`, after a state of it."""
        stage, model, digest = place
        change = state.change
        # The order of stages is that of then as well.
        platform = self._platform(change.platform)
        before = self._before(platform, stage)
        earlier = self._states(deployment_folder(before, model), change.position) if before else ()
        return StageEntry(
            change.commit,
            change.time,
            None if last is None else last.stable,
            _stable_since(earlier, digest, change.position),
            platform,
        )

    def statement_times(self, trusted: Trusted, now: datetime) -> Mapping[Digest, datetime] | None:
        """Return when the statements that commits name were there; None if no key has ended."""
        return self._statements.known(trusted, now)

    @staticmethod
    def _before(platform: Platform, name: str) -> str:
        stage = platform.stage(name)
        before = None if stage is None else platform.before(stage)
        return "" if before is None else before.name

    def _follow(self, commit: str) -> int:
        """Index what is new on `main`, and return the place of the commit on it.

        A commit on another line begins the index anew.
        """
        # A commit that is known may be older than the newest: threads may ask about different
        # commits.
        if commit not in self._places:
            head = self._head
            if head is not None and not self._repository.contains(head, commit):
                head = None
            try:
                if head is None:
                    self._clear()
                # First parents only: what a merge brought in was never declared before the merge.
                ids = self._repository.first_parents(head, commit)
                for start in range(0, len(ids), _TOGETHER):
                    self._index(self._repository.commits(ids[start : start + _TOGETHER]))
            except GoldenPathError:
                self._clear()  # half a batch may be in it
                raise
            self._head = commit
        return self._places[commit]

    def _clear(self) -> None:
        self._head, self._in_force = None, ""
        self._places, self._changes = {}, {}

    def _index(self, commits: Sequence[Commit]) -> None:
        """Add commits with the files of deployments, which are read in few calls of git."""
        placed = [(each.id, folder) for each in commits for folder in _changed(each)]
        names = [f"{identity}:{folder}" for identity, folder in placed]
        contents = dict(zip(placed, self._repository.folders(names), strict=True))
        changed = [each.id for each in commits if FILE in each.paths]
        files = dict(zip(changed, self._repository.blob_ids(changed, FILE), strict=True))
        for commit in commits:
            place = self._places[commit.id] = len(self._places) + 1
            # The first commit has no platform file before it, so its own one counts.
            if not commit.parents:
                self._in_force = files.get(commit.id) or ""
            for folder in _changed(commit):
                applied = Files.of(folder, contents[commit.id, folder]).applied
                change = _Change(place, commit.id, self._seen(commit), self._in_force, applied)
                self._changes.setdefault(folder, []).append(change)
            # After the paths: the rules before a commit decide what its files mean.
            self._in_force = files.get(commit.id) or self._in_force

    def _states(self, folder: str, end: int) -> tuple[_State, ...]:
        """Return what `main` declared for a deployment up to a place on it, oldest first.

        A file that could not be read changed nothing, because nobody could follow it.
        """
        return tuple(self._parsed(folder, end))

    def _parsed(self, folder: str, end: int) -> Iterator[_State]:
        for change in self._changes.get(folder, []):
            if change.position > end:
                return
            if not change.applied:
                yield _State(change)
                continue
            try:
                platform = self._platform(change.platform)
                for deployment in parse_deployments(change.applied, platform):
                    yield _state(change, deployment)
            except InvalidInput:
                continue

    def _platform(self, blob: str) -> Platform:
        """Return the platform file of a blob. Raises `InvalidInput`."""
        if blob not in self._platforms:
            (content,) = self._repository.blobs([blob])
            self._platforms[blob] = parse_platform(content or b"")
        return self._platforms[blob]


def _changed(commit: Commit) -> list[str]:
    """Return the folders in which a commit changed what a cluster applies."""
    applied = (path for path in commit.paths if not path.endswith(f"/{RELEASE_FILE}"))
    return sorted({folder for path in applied if (folder := folder_of(path))})


def _state(change: _Change, deployment: Deployment) -> _State:
    digests = tuple(slot.digest for slot in deployment.slots)
    return _State(change, digests, deployment.stopped)


def _stable_since(states: Sequence[_State], digest: Digest, position: int) -> datetime | None:
    """Return since when `digest` was the stable release just before a place on `main`."""
    since = None
    for state in reversed([each for each in states if each.change.position < position]):
        if state.stable != digest or state.stopped:
            break
        since = state.change.time
    return since
