"""The history of intended deployments: who placed which release where.

It is read only from the objects of the git repository. So anybody can repeat the answer with git,
and no process of goldenpath has to run. Who approved a release is in signed statements, and
`signed_approvals` adds it.
"""

from collections.abc import Callable, Iterator

from goldenpath.audit.timeline.live_model import Absence, Intent
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, VerificationError
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
from goldenpath.promote.platform.platform import FILE, Platform
from goldenpath.promote.repository.chain_of_trust import platform_at
from goldenpath.promote.repository.commit import Commit
from goldenpath.promote.repository.commit_message import DECISION, REASON, RETIRE, action_of
from goldenpath.promote.repository.countersign import agreement
from goldenpath.promote.repository.first_seen import Sighting
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.policy import Person

NOT_READ = "the signed statements about it were not read"


def read_history(
    repository: Repository,
    head: str,
    model: str | None = None,
    *,
    sighting: Callable[[Commit], Sighting] | None = None,
) -> tuple[Intent, ...]:
    """Return every commit up to `head` that changed a deployment (of `model`), in order.

    `sighting` returns when a commit was first seen; without it each has the date that it claims.
    """
    return tuple(_History(repository, model, sighting or _claimed).intents(head))


def _claimed(commit: Commit) -> Sighting:
    return Sighting(commit.time)


class _History:
    """One walk over the commits, with trust as of each commit."""

    def __init__(
        self, repository: Repository, model: str | None, sighting: Callable[[Commit], Sighting]
    ) -> None:
        self._repository = repository
        self._model = model
        self._sighting = sighting
        self._platforms: dict[str, Platform] = {}
        self._break_glass: dict[tuple[str, str], Digest] = {}
        """By stage and model: the release placed by break-glass, without a second person yet."""
        self._second: dict[tuple[str, str, Digest], str] = {}
        """By stage, model and release: the person who confirmed a break-glass promotion."""
        self._last: dict[tuple[str, str], tuple[Slot, ...]] = {}
        self._before: dict[tuple[str, str, Digest], str] = {}
        """By stage, model and release: what the stage ran when it entered."""

    def intents(self, head: str) -> Iterator[Intent]:
        for commit in reversed(tuple(self._repository.history(to=head))):
            placed = [(folder, path) for path in commit.paths if (folder := folder_of(path))]
            changed = {
                (stage, model)
                for folder, path in placed
                for _, stage, model in [folder.split("/")]
                if self._model in (None, model)
                # A change of only the release file matters only after a break-glass promotion.
                and (not path.endswith(f"/{RELEASE_FILE}") or (stage, model) in self._break_glass)
            }
            for stage, model in sorted(changed):
                yield from self._intent(commit, stage, model)

    def _intent(self, commit: Commit, stage: str, model: str) -> Iterator[Intent]:
        platform = self._platform(commit.parents[0] if commit.parents else commit.id)
        folder = deployment_folder(stage, model)
        (contents,) = self._repository.folders([f"{commit.id}:{folder}"])
        files = Files.of(folder, contents)
        placed = self._placed(files, platform)
        if platform is None or placed is None:
            return  # no reconciler could have applied this commit
        slots, standby, absence = placed
        if absence == "removed" and action_of(commit.subject) == RETIRE:
            absence = "retired"
        demanded = platform.stage(stage)
        signer = self._signer(commit.id, platform.committers)
        glass = self._glass_of((stage, model), files.release, slots, signer)
        sighting = self._sighting(commit)
        yield Intent(
            time=sighting.arrival(commit.time),
            time_by=sighting.whose(),
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
            second=self._second.get((stage, model, slots[-1].digest), "") if slots else "",
            before=self._before_entry((stage, model), slots),
            approved_by=self._second_person(commit, platform) if absence == "retired" else (),
            absence=absence,
            standby=standby,
        )

    def _before_entry(self, place: tuple[str, str], slots: tuple[Slot, ...]) -> str:
        """Return the stable release of the stage before the newest of `slots` entered."""
        last = self._last.get(place, ())
        self._last[place] = slots
        if not slots:
            return ""
        entry = (*place, slots[-1].digest)
        if all(each.digest != slots[-1].digest for each in last):
            self._before[entry] = last[0].digest.text if last else ""
        return self._before.get(entry, "")

    def _glass_of(
        self, place: tuple[str, str], file: bytes | None, slots: tuple[Slot, ...], signer: str
    ) -> BreakGlass | None:
        """Return the break-glass record of the commit.

        If a commit removes the record and keeps the release, its signer is the second person.
        """
        placement = _placement(file)
        glass = placement.break_glass if placement is not None else None
        if glass is not None and placement is not None:
            self._break_glass[place] = placement.digest
        elif place in self._break_glass:
            digest = self._break_glass.pop(place)
            if any(slot.digest == digest for slot in slots):
                self._second[(*place, digest)] = signer
        return glass

    def _platform(self, commit: str) -> Platform | None:
        (blob,) = self._repository.blob_ids([commit], FILE)
        if blob is None:
            return None
        if blob not in self._platforms:
            try:
                self._platforms[blob] = platform_at(self._repository, commit)
            except (InvalidInput, NotFound):
                return None
        return self._platforms[blob]

    def _placed(
        self, files: Files, platform: Platform | None
    ) -> tuple[tuple[Slot, ...], str, Absence] | None:
        """Return the releases that the files place, the one on standby, and why there is none.

        None for files that nobody can read.
        """
        if not files.applied:
            return (), "", "removed"
        if platform is None:
            return None
        try:
            (deployment,) = parse_deployments(files.applied, platform)
        except InvalidInput:
            return None
        if deployment.stopped:
            return (), "", "stopped"
        standby = deployment.standby
        return deployment.slots, "" if standby is None else standby.digest.text, ""

    def _second_person(self, commit: Commit, before: Platform) -> tuple[str, ...]:
        """Return who else signed the removal of these files; nobody without a valid signature."""
        try:
            return (agreement(self._repository, commit, before, commit.paths),)
        except VerificationError:
            return ()

    def _signer(self, commit: str, people: tuple[Person, ...]) -> str:
        try:
            return self._repository.verify(commit, people)
        except VerificationError:
            return ""  # shown as "commit not signed" wherever it matters


def _placement(content: bytes | None) -> Placement | None:
    try:
        return parse_placement(content) if content is not None and is_marked(content) else None
    except InvalidInput:
        return None
