"""The history of intended deployments: who placed which release where.

It is read only from the objects of the git repository. So anybody can repeat the answer with git,
and no process of goldenpath has to run. Who approved a release is in signed statements, and
`signed_approvals` adds it.
"""

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace

from goldenpath.audit.timeline.live_model import Absence, Intent
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.promote.manifests.deployment_files import (
    RELEASE_FILE,
    deployment_folder,
    folder_of,
    parse_deployments,
)
from goldenpath.promote.manifests.desired import Placement, Slot
from goldenpath.promote.manifests.placement import is_marked, parse_placement
from goldenpath.promote.manifests.restrictions import Files
from goldenpath.promote.platform.break_glass import BreakGlass
from goldenpath.promote.platform.platform import FILE, Platform, parse_platform
from goldenpath.promote.repository.commit import Commit, parse_commit
from goldenpath.promote.repository.commit_message import DECISION, REASON, RETIRE, action_of
from goldenpath.promote.repository.commit_signature import verify_commit
from goldenpath.promote.repository.countersign import agreement
from goldenpath.promote.repository.first_seen import Sighting
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.policy import Person

NOT_READ = "the signed statements about it were not read"
_TOGETHER = 200
"""Commits whose objects are read in one call of git each."""
_KEPT = 512
"""Deployments that are remembered by the bytes of their files."""

Sightings = Callable[[Commit], Sighting]
"""Returns when a commit was first seen."""


@dataclass(slots=True)
class PlaceState:
    """What the commits so far say about one model in one stage."""

    slots: tuple[Slot, ...] = ()
    """Of the last commit."""
    break_glass: Digest | None = None
    """The release placed by break-glass, without a second person yet."""
    second: dict[str, str] = field(default_factory=dict)
    """By release: the person who confirmed a break-glass promotion."""
    before: dict[str, str] = field(default_factory=dict)
    """By release in `slots`: what the stage ran when it entered."""
    touched: str = ""
    """The last commit that changed its files, whether or not they can be read."""
    count: int = 0
    """Intents so far."""
    seconds: int = 0
    """Sum of their dates, in seconds since 1970."""


def read_history(
    repository: Repository,
    head: str,
    model: str | None = None,
    *,
    sighting: Sightings | None = None,
) -> tuple[Intent, ...]:
    """Return every commit up to `head` that changed a deployment (of `model`), in order.

    `sighting` returns when a commit was first seen; without it each has the date that it claims.
    """
    read = IntentReader(repository, {}, model).read(repository.listed(None, head))
    return tuple(seen_at(each, sighting or _claimed) for each in read)


def read_commits(repository: Repository, ids: Sequence[str]) -> Iterator[Commit]:
    """Yield commits without the paths that they changed, in few calls of git."""
    for begin in range(0, len(ids), _TOGETHER):
        contents = repository.raw(ids[begin : begin + _TOGETHER])
        yield from (parse_commit(each, content) for each, content in contents.items())


def _claimed(commit: Commit) -> Sighting:
    return Sighting(commit.time)


def seen_at(intent: Intent, sighting: Sightings) -> Intent:
    """Return the intent with the time when its commit was seen, instead of its own date."""
    commit = Commit(intent.commit, (), intent.author, intent.time, intent.reason)
    found = sighting(commit)
    return replace(intent, time=found.arrival(intent.time), time_by=found.whose())


@dataclass(frozen=True, slots=True)
class _Batch:
    """What git holds about some commits, read together."""

    contents: Mapping[str, bytes]
    """The bytes of each commit object."""
    platforms: Mapping[str, str | None]
    """By commit: the id of the platform file before it."""
    folders: Mapping[str, Mapping[str, bytes]]
    """By `commit:folder`: the files of a deployment."""


@dataclass(frozen=True, slots=True)
class _Declared:
    """What the files of a deployment place."""

    slots: tuple[Slot, ...] = ()
    standby: str = ""
    """The release that keeps running without traffic."""
    absence: Absence = ""
    """Why no release is placed."""


_REMOVED = _Declared(absence="removed")


class IntentReader:
    """Reads commits, with trust as of each commit, in a few calls of git for many commits."""

    def __init__(
        self,
        repository: Repository,
        places: MutableMapping[tuple[str, str], PlaceState],
        model: str | None = None,
    ) -> None:
        """`places` are the states by stage and model after the commits that were read before."""
        self._repository = repository
        self._places = places
        self._model = model
        self.latest = 0.0
        """The latest date of a commit that was read, in seconds since 1970."""
        self._platforms: dict[str, Platform | None] = {}
        self._declared: dict[tuple[str, int], tuple[Files, _Declared | None]] = {}

    def read(self, ids: Sequence[str]) -> Iterator[Intent]:
        """Yield the intents of commits in order; the time of each is its own date."""
        for begin in range(0, len(ids), _TOGETHER):
            together = ids[begin : begin + _TOGETHER]
            contents = self._repository.raw(together)
            commits = self._repository.commits(together)
            placed = [(commit, self._placed(commit)) for commit in commits]
            batch = self._batch(contents, [each for each in placed if each[1]])
            for commit, places in placed:
                self.latest = max(self.latest, commit.time.timestamp())
                for place, is_release_file in sorted(places.items()):
                    state = self._places.setdefault(place, PlaceState())
                    # A change of only the release file matters only after break-glass.
                    if not is_release_file or state.break_glass is not None:
                        state.touched = commit.id
                        yield from self._intent(commit, place, state, batch)

    def _placed(self, commit: Commit) -> dict[tuple[str, str], bool]:
        """Return the deployments that a commit changes, and whether only by the release file."""
        result: dict[tuple[str, str], bool] = {}
        for path in commit.paths:
            folder = folder_of(path)
            if folder:
                _, stage, model = folder.split("/")
                if self._model in (None, model):
                    is_release_file = path.endswith(f"/{RELEASE_FILE}")
                    result[stage, model] = is_release_file and result.get((stage, model), True)
        return result

    def _batch(
        self,
        contents: Mapping[str, bytes],
        placed: Sequence[tuple[Commit, Mapping[tuple[str, str], bool]]],
    ) -> _Batch:
        if not placed:
            return _Batch(contents, {}, {})
        before = [each.parents[0] if each.parents else each.id for each, _ in placed]
        blobs = self._repository.blob_ids(before, FILE)
        platforms = {each.id: blob for (each, _), blob in zip(placed, blobs, strict=True)}
        names = [
            f"{each.id}:{deployment_folder(*place)}" for each, places in placed for place in places
        ]
        folders = dict(zip(names, self._repository.folders(names), strict=True))
        return _Batch(contents, platforms, folders)

    def _intent(
        self, commit: Commit, place: tuple[str, str], state: PlaceState, batch: _Batch
    ) -> Iterator[Intent]:
        stage, model = place
        platform = self._platform(batch.platforms[commit.id])
        folder = deployment_folder(stage, model)
        files = Files.of(folder, batch.folders[f"{commit.id}:{folder}"])
        declared = self._declaration(files, batch.platforms[commit.id])
        if platform is None or declared is None:
            return  # no reconciler could have applied this commit
        slots, absence = declared.slots, declared.absence
        if absence == "removed" and action_of(commit.subject) == RETIRE:
            absence = "retired"
        demanded = platform.stage(stage)
        signer = _signer(commit.id, batch.contents[commit.id], platform.committers)
        glass = _glass_of(state, files.release, slots, signer)
        state.count, state.seconds = state.count + 1, state.seconds + int(commit.time.timestamp())
        yield Intent(
            time=commit.time,
            stage=stage,
            model=model,
            commit=commit.id,
            slots=slots,
            author=commit.author,
            signer=signer,
            decision=commit.trailer(DECISION),
            reason=commit.trailer(REASON) or commit.subject,
            approvals_needed=demanded.approvals if demanded and slots else 0,
            glass=glass,
            approvals_unknown=NOT_READ,
            second=state.second.get(slots[-1].digest.text, "") if slots else "",
            before=_before_entry(state, slots),
            approved_by=self._second_person(commit, platform) if absence == "retired" else (),
            action=action_of(commit.subject),
            absence=absence,
            standby=declared.standby,
        )

    def _platform(self, blob: str | None) -> Platform | None:
        if blob is None:
            return None
        if blob not in self._platforms:
            (content,) = self._repository.deployment_files([blob])
            try:
                self._platforms[blob] = parse_platform(content or b"")
            except InvalidInput:
                self._platforms[blob] = None
        return self._platforms[blob]

    def _second_person(self, commit: Commit, before: Platform) -> tuple[str, ...]:
        """Return who else signed the removal of these files; nobody without a valid signature."""
        try:
            return (agreement(self._repository, commit, before, commit.paths),)
        except VerificationError:
            return ()

    def _declaration(self, files: Files, blob: str | None) -> _Declared | None:
        """Return what the files place by a platform file; None for files that nobody can read."""
        platform = self._platform(blob)
        if not files.applied:
            return _REMOVED
        if platform is None:
            return None
        key = (blob or "", hash(tuple(files.applied.items())))
        known = self._declared.get(key)
        if known is not None and known[0].applied == files.applied:
            return known[1]
        declared = _declared(files, platform)
        self._declared[key] = (files, declared)
        if len(self._declared) > _KEPT:
            del self._declared[next(iter(self._declared))]
        return declared


def _declared(files: Files, platform: Platform) -> _Declared | None:
    try:
        (deployment,) = parse_deployments(files.applied, platform)
    except InvalidInput:
        return None
    if deployment.stopped:
        return _Declared(absence="stopped")
    standby = deployment.standby
    return _Declared(deployment.slots, "" if standby is None else standby.digest.text)


def _before_entry(state: PlaceState, slots: tuple[Slot, ...]) -> str:
    """Return the stable release of the stage before the newest of `slots` entered."""
    last, state.slots = state.slots, slots
    if not slots:
        return ""
    entry = slots[-1].digest.text
    if all(each.digest.text != entry for each in last):
        state.before[entry] = last[0].digest.text if last else ""
    # A release that leaves the stage enters it anew, so only those that are in it are kept.
    kept = {each.digest.text for each in slots}
    state.before = {each: before for each, before in state.before.items() if each in kept}
    return state.before.get(entry, "")


def _glass_of(
    state: PlaceState, file: bytes | None, slots: tuple[Slot, ...], signer: str
) -> BreakGlass | None:
    """Return the break-glass record of the commit.

    If a commit removes the record and keeps the release, its signer is the second person.
    """
    placement = _placement(file)
    glass = placement.break_glass if placement is not None else None
    if glass is not None and placement is not None:
        state.break_glass = placement.digest
    elif state.break_glass is not None:
        digest, state.break_glass = state.break_glass, None
        if any(slot.digest == digest for slot in slots):
            state.second[digest.text] = signer
    return glass


def _signer(commit: str, content: bytes, people: Sequence[Person]) -> str:
    try:
        return verify_commit(commit, content, people)
    except VerificationError:
        return ""  # shown as "commit not signed" wherever it matters


def _placement(content: bytes | None) -> Placement | None:
    try:
        return parse_placement(content) if content is not None and is_marked(content) else None
    except InvalidInput:
        return None
