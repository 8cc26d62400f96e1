"""Verifies a chain of commits, one after another, from a pinned commit to the head of `main`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from goldenpath.errors import (
    GoldenPathError,
    InvalidInput,
    NotFound,
    Unavailable,
    VerificationError,
)
from goldenpath.promote.manifests.restrictions import Files
from goldenpath.promote.platform.platform import FILE, Platform
from goldenpath.promote.repository.commit import Commit, parse_commit
from goldenpath.promote.repository.commit_rules import (
    TAKE_OUT,
    PlatformHistory,
    check_commit,
    check_merge,
    check_restrictions,
    check_rights,
    files_around,
)
from goldenpath.promote.repository.commit_signature import key_holder, owner_of_key, signing_key
from goldenpath.promote.repository.first_seen import AHEAD, Sighting, Successor, witnessed
from goldenpath.promote.repository.worktree import Repository

_TOGETHER = 200
"""How many commits' files are read in one call of git."""
_SKEW = timedelta(minutes=15)
"""How far the clocks of two committers may differ; a larger difference is a backdated commit."""
MOST_COMMITS = 200_000
"""New commits that are read at once."""

WitnessedAt = Callable[[Platform], Mapping[str, datetime]]
"""Returns when each commit was seen by another machine, by the witnesses that a platform lists."""


class ChainWalk:
    """One walk along the commits after a pin.

    Signatures are verified first, over the commit objects alone. So the files of a commit are read
    only if somebody who is listed signed it.
    """

    def __init__(
        self,
        repository: Repository,
        root: str,
        verified: str,
        *,
        known: Mapping[str, Sighting] | None = None,
        looked: datetime | None = None,
        witnessed_at: WitnessedAt | None = None,
    ) -> None:
        """Begin at the commit `verified`; if it is empty, at the beginning, which must be `root`.

        `known` are first-seen times from before, `looked` when the remote was looked at last.
        `witnessed_at` tells by a platform when other machines signed that they had seen commits.
        """
        self._repository = repository
        self._root = root
        self._verified = verified or None
        self._known = known or {}
        self._looked = looked
        self._witnessed_at = witnessed_at
        self._platforms = PlatformHistory(repository)
        self._commits: dict[str, Commit] = {}
        self._keys: dict[str, str] = {}
        self._signers: dict[str, str] = {}
        self._times: dict[str, Sighting] = {}
        self._files: Mapping[str, Files] = {}
        self.sightings: dict[str, Sighting] = {}
        """Of the commits that were judged, with that of a refused one."""
        self.refused = ""
        """The commit that is not trusted; empty if all are."""
        self.reached = ""
        """The last commit of `main` that is trusted with everything before it."""

    def verify(self, end: str, now: datetime) -> None:
        """Verify all commits up to `end`. Raises `VerificationError` at the first bad one."""
        start = self._verified
        # First, so that a rewritten history is reported as such and not as a bad commit in it.
        if start is not None and not self._repository.contains(start, end):
            raise VerificationError(
                f"the history of the gitops repository was rewritten: {start[:12]} is gone",
                hint="find out who rewrote it; goldenpath events shows what was followed before",
            )
        self.reached = start or ""
        ids = self._repository.between(start, end)
        if len(ids) > MOST_COMMITS:
            raise VerificationError(
                f"main has {len(ids)} new commits: expected at most {MOST_COMMITS}", hint=TAKE_OUT
            )
        # All signatures come before any rule: a date counts only if a listed person put it there.
        signed, refusal = self._signed(ids)
        self._see(signed, now)
        judged = 0
        try:
            for begin in range(0, len(signed), _TOGETHER):
                for commit in self._together(signed[begin : begin + _TOGETHER]):
                    self._judge(commit, now)
                    judged += 1
            if refusal is not None:
                raise refusal
        finally:
            # Also after an error: the commits before a bad one are followed.
            self.reached = end if judged == len(ids) else self._last_before(ids[:judged], end)

    @property
    def platform(self) -> Platform:
        """The platform that the last trusted commit declares."""
        return self._platforms.at(self.reached)

    def _signed(self, ids: Sequence[str]) -> tuple[Sequence[str], GoldenPathError | None]:
        """Return the commits up to the first without a listed signer, and why that one has none."""
        before = [self._verified] if self._verified else []
        for begin in range(0, len(ids), _TOGETHER):
            together = ids[begin : begin + _TOGETHER]
            contents = self._contents(together)
            self._platforms.prepare([*before, *together])
            for position, commit in enumerate(together, begin):
                try:
                    content = contents.get(commit) or self._repository.raw([commit])[commit]
                    self._signers[commit] = self._signer(commit, content)
                except VerificationError as error:
                    return ids[:position], error
                except (InvalidInput, NotFound) as error:
                    return ids[:position], _unclear(commit, error)
        return ids, None

    def _contents(self, ids: Sequence[str]) -> Mapping[str, bytes]:
        """Return the bytes of many commits; none, if one of them is too large."""
        try:
            return self._repository.raw(ids)
        except InvalidInput:
            return {}  # read one by one, so that those before it are followed

    def _signer(self, identity: str, content: bytes) -> str:
        """Return who signed a commit, whether or not their key was still valid."""
        commit = parse_commit(identity, content)
        self._commits[identity] = commit
        self._keys[identity] = key = signing_key(identity, content)
        if not commit.parents:
            _check_root(commit, self._root)
        # The people before the commit decide: nobody lists themselves. Only the first commit has
        # none before it.
        listed = [self._platforms.at(parent).committers for parent in commit.parents]
        holders = [
            key_holder(key, people, identity)
            for people in listed or [self._platforms.at(identity).people]
        ]
        return holders[0]

    def _see(self, signed: Sequence[str], now: datetime) -> None:
        """Note when each commit was seen, by this machine or by who committed on top of it."""
        commits = [self._commits[each] for each in signed]
        successors = witnessed(
            (each.id, each.parents, Successor(self._signers[each.id], each.time))
            for each in commits
        )
        times: Mapping[str, datetime] = {}
        if commits and self._witnessed_at is not None:
            # By the platform of before: what is not judged yet lists no witness.
            times = self._witnessed_at(self._platforms.at(self._verified or self._root))
        for commit in commits:
            known = self._known.get(commit.id) or Sighting(now, self._looked)
            if known.since is not None and known.since > now:
                known = replace(known, since=None)  # noted by a clock that was ahead
            witness = times.get(commit.id, now)
            self._times[commit.id] = known.narrowed(successors.get(commit.id), min(witness, now))

    def _together(self, ids: Sequence[str]) -> Iterator[Commit]:
        """Yield commits with the files that they touch, read in few calls of git."""
        try:
            commits = self._repository.commits(ids)
            self._files = files_around(self._repository, commits)
        except Unavailable as error:
            # Read together, one bad commit hides which; read alone, it is the one that cannot be
            # judged.
            if len(ids) == 1:
                raise _unclear(ids[0], error) from error
            for single in ids:
                yield from self._together([single])
            return
        yield from commits

    def _judge(self, commit: Commit, now: datetime) -> None:
        """Raise `VerificationError` if the commit may not be followed."""
        self.refused = commit.id
        if commit.time > now + AHEAD:
            # Not noted as seen: if our clock is behind, it is followed once that is mended.
            raise VerificationError(
                f"commit {commit.id[:12]} is dated in the future: {commit.time.isoformat()}, "
                f"and it is {now.isoformat(timespec='seconds')} here",
                hint=f"check the clock of this machine; if it is right, {TAKE_OUT}",
            )
        self.sightings[commit.id] = sighting = self._times[commit.id]
        moment = sighting.moment(commit.time)
        try:
            self._check(commit, moment)
        except InvalidInput as error:
            raise _unclear(commit.id, error) from error
        except VerificationError as error:
            # The remark on whose time counts would only confuse where both times agree.
            if abs(moment - commit.time) <= AHEAD:
                raise
            raise VerificationError(
                f"{error.message} ({_whose(sighting, moment)})", hint=error.hint
            ) from error
        self.refused = ""

    def _check(self, claimed: Commit, moment: datetime) -> None:
        if FILE in claimed.strange:
            raise InvalidInput(f"{FILE} is a link or a submodule, expected a file")
        # Every rule below sees the time that counts, and none the date that the author wrote.
        commit, key = replace(claimed, time=moment), self._keys[claimed.id]
        what = f"commit {commit.id[:12]}"
        if not commit.parents:
            owner_of_key(key, self._platforms.at(commit.id).people, moment, what)
        for parent in commit.parents:
            self._check_order(claimed, parent)
            platform = self._platforms.at(parent)
            signer = owner_of_key(key, platform.committers, moment, what)
            check_commit(
                self._repository, commit, parent, signer,
                platforms=self._platforms, placed=self._files,
            )  # fmt: skip
            check_rights(
                self._repository, commit, parent, signer, platform=platform, placed=self._files
            )
            check_restrictions(
                self._repository, commit, parent, signer, platform=platform, placed=self._files
            )
        check_merge(self._repository, commit)

    def _check_order(self, commit: Commit, parent: str) -> None:
        before = self._commits.get(parent)
        if before is None:
            before = parse_commit(parent, self._repository.raw([parent])[parent])
        if commit.time < before.time - _SKEW:
            raise VerificationError(f"commit {commit.id[:12]} is dated before its parent")

    def _last_before(self, trusted: Sequence[str], end: str) -> str:
        """Return the last trusted commit that `main` has been at, or the empty string."""
        # Parents come first in `trusted`, so everything before one of them is trusted too.
        known, line = set(trusted), self._repository.first_parents(self._verified, end)
        return next((commit for commit in reversed(line) if commit in known), self.reached)


def _check_root(commit: Commit, root: str) -> None:
    if commit.id != root:
        raise VerificationError(
            f"the gitops repository begins with {commit.id[:12]}, expected {root[:12]}",
            hint="this is another repository than the one that this machine was set up with",
        )


def _unclear(commit: str, error: GoldenPathError) -> VerificationError:
    """Return the error for a commit that cannot be judged: that is never a "yes"."""
    return VerificationError(
        f"commit {commit[:12]} cannot be judged: {error.message}", hint=TAKE_OUT
    )


def _whose(sighting: Sighting, moment: datetime) -> str:
    """Return which time was used for a refusal, and whose it is."""
    shown = moment.isoformat(timespec="seconds")
    if not sighting.by:
        return f"judged by {shown}, when this machine saw it first"
    return f"judged by {shown}, since {sighting.by} committed on top of it"
