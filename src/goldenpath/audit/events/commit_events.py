"""Events of commits, derived from the commits: a verb that was killed leaves none missing.

Whoever looks at git next, a verb or `goldenpath up`, writes the event of each commit that no event
names. A file beside the audit log keeps the last commit for which that was done.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from goldenpath.audit.events.event import Event, Kind
from goldenpath.audit.events.event_log import EventLog
from goldenpath.audit.events.event_tail import LogPosition, end_of_log, events_after
from goldenpath.canonical import JsonValue
from goldenpath.errors import InvalidInput, NotFound, Unavailable, VerificationError
from goldenpath.files import locked, write_whole
from goldenpath.parsers.typed import read_record
from goldenpath.promote.manifests.deployment_files import deployment_folder, parse_deployments
from goldenpath.promote.manifests.placement import parse_placement
from goldenpath.promote.manifests.restrictions import Files
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.chain_of_trust import platform_at
from goldenpath.promote.repository.commit import Commit
from goldenpath.promote.repository.commit_message import (
    APPROVED_BY,
    DECISION,
    MODEL,
    REASON,
    RELEASE,
    RETIRE,
    STAGE,
    action_of,
)
from goldenpath.promote.repository.worktree import Repository
from goldenpath.times import timestamp

FILE = "commits.json"
_LOCK = "commits.lock"
_KINDS: Mapping[str, Kind] = {
    "promote": "release.promoted",
    "rollout": "rollout.stepped",
    "rollback": "rollout.rolled-back",
    "hold": "rollout.held",
    "resume": "rollout.resumed",
    "confirm": "release.approved",
    RETIRE: "release.retired",
}
"""The kind of event by the action in the subject of a commit."""


class _Mark(msgspec.Struct, frozen=True):
    version: Literal[1]
    commit: str
    """The last commit whose event is in the log."""
    position: LogPosition
    """Where events of later commits begin in the log."""


class CommitEvents:
    """The events of the commits of one repository in one audit log."""

    def __init__(self, folder: Path, repository: Repository, clock: Callable[[], datetime]) -> None:
        """`folder` is that of the audit log."""
        self._folder = folder
        self._log = EventLog(folder)
        self._repository = repository
        self._clock = clock

    def append(self, event: Event) -> None:
        """Append the event of a commit, unless it was derived meanwhile. Raises `Unavailable`."""
        with self._alone():
            mark = self._mark()
            if mark is None or not self._has(mark, event.commit):
                self._log.append(event)

    def catch_up(self, head: str) -> None:
        """Append the events that are missing up to the trusted commit `head`.

        Raises `Unavailable` if log or repository cannot be used. The first time it only notes where
        to begin.
        """
        if (mark := self._mark()) is not None and mark.commit == head:
            return
        with self._alone():
            mark = self._mark()
            missing: tuple[str, ...] = ()
            if mark is not None:
                try:
                    new = self._repository.first_parents(mark.commit, head)
                except NotFound:
                    new = ()  # another history: it begins anew
                else:
                    if not new:
                        return  # somebody is ahead of this reader
                named = self._named(mark)
                missing = tuple(commit for commit in new if commit not in named)
            for commit in self._repository.commits(missing):
                self._derive(commit)
            content = msgspec.json.encode(_Mark(1, head, end_of_log(self._folder)))
            write_whole(self._folder / FILE, content, 0o640)

    def _derive(self, commit: Commit) -> None:
        kind = _KINDS.get(action_of(commit.subject))
        stage, model = commit.trailer(STAGE), commit.trailer(MODEL)
        if kind is None or not (stage and model and commit.parents):
            return
        platform = platform_at(self._repository, commit.parents[0])
        self._log.append(
            Event(
                time=timestamp(self._clock()),
                kind=kind,
                actor=self._signer(commit, platform),
                stage=stage,
                model=model,
                digest=commit.trailer(RELEASE),
                commit=commit.id,
                details=self._details(commit, stage, model, platform),
            )
        )

    def _signer(self, commit: Commit, platform: Platform) -> str:
        try:
            return self._repository.verify(commit.id, platform.committers)
        except VerificationError:
            return commit.author  # its key has ended since; the chain of trust accepted it before

    def _details(
        self, commit: Commit, stage: str, model: str, platform: Platform
    ) -> Mapping[str, JsonValue]:
        folder = deployment_folder(stage, model)
        (contents,) = self._repository.folders([f"{commit.id}:{folder}"])
        files = Files.of(folder, contents)
        slots: list[JsonValue] = []
        details: dict[str, JsonValue] = {
            "approvers": [*commit.trailers.get(APPROVED_BY, ())],
            "reason": commit.trailer(REASON),
            "derived": True,
        }
        if decision := commit.trailer(DECISION):
            details["decision"] = decision
        try:
            if files.applied:
                for deployment in parse_deployments(files.applied, platform):
                    slots += [
                        {"name": each.name, "digest": each.digest.text, "percent": each.percent}
                        for each in deployment.slots
                    ]
            placement = parse_placement(files.release) if files.release is not None else None
        except InvalidInput as error:
            return {**details, "slots": [], "unreadable": error.message}
        if placement is not None and placement.break_glass is not None:
            details["breakGlass"] = placement.break_glass.to_json()
        return {**details, "slots": slots}

    def _has(self, mark: _Mark, commit: str) -> bool:
        """Whether the log has the event of a commit on `main`."""
        if not self._repository.first_parents(mark.commit, commit):
            return True  # whoever set the mark wrote it
        return commit in self._named(mark)

    def _named(self, mark: _Mark) -> set[str]:
        """Return the commits that events after the mark name as their own."""
        own = {*_KINDS.values()}
        events = events_after(self._folder, mark.position, lambda _: None)
        return {event.commit for _, event in events if event.kind in own}

    def _mark(self) -> _Mark | None:
        try:
            return read_record(self._folder / FILE, _Mark)
        except (FileNotFoundError, InvalidInput):
            return None  # never written, or torn: it begins at the next commit that is followed

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with locked(self._folder / _LOCK, 0o640):
                yield
        except OSError as error:
            raise Unavailable(
                f"the audit log {self._folder} cannot be written: {error.strerror}"
            ) from error
