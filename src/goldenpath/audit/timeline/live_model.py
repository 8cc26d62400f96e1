"""What was intended and observed of one model in one stage at one time, as values."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from goldenpath.promote.manifests.desired import Slot
from goldenpath.promote.platform.break_glass import BreakGlass

Certainty = Literal["certain", "uncertain", "unknown"]
Absence = Literal["", "removed", "retired", "stopped"]
"""Why a commit places no release; empty if it places one."""


@dataclass(frozen=True, slots=True)
class Intent:
    """One commit that sets the releases of a model in a stage."""

    time: datetime
    """When the commit came to `main`."""
    stage: str
    model: str
    commit: str
    slots: tuple[Slot, ...]
    """Empty if the commit removes the model from the stage."""
    author: str
    """The name that the commit claims. It proves nothing; the signer does."""
    signer: str
    """The signer as listed in `platform.toml` at that commit. Empty if no listed key signed."""
    decision: str = ""
    """Digest of the decision that the commit message names; empty if no such decision is signed."""
    approved_by: tuple[str, ...] = ()
    """People whose signed approvals the newest release had by then; never from the message."""
    reason: str = ""
    approvals_needed: int = 0
    """The number of approvals that the stage required at that commit."""
    glass: BreakGlass | None = None
    """The break-glass record, as long as no second person confirmed the release."""
    approvals_unknown: str = ""
    """Why it is not known who approved; empty if it is."""
    second: str = ""
    """The person who confirmed the release after a break-glass promotion."""
    time_by: str = "by its author's clock"
    """Whose time it is, in a few words."""
    before: str = ""
    """The stable release of the stage before the newest one entered; empty if there was none."""
    approved_own: tuple[str, ...] = ()
    """People whose approval does not count, because they wrote a part of the change."""
    action: str = ""
    """The action that the subject of the commit names, such as `rollback`; it proves nothing."""
    absence: Absence = ""
    standby: str = ""
    """The release that keeps running without traffic; empty if there is none."""


class Intents(Protocol):
    """The commits that changed deployments: read at once, or from an index as far as needed."""

    def places(self) -> Iterable[tuple[str, str]]:
        """Return every stage and model with a commit."""

    def newest_first(self, place: tuple[str, str], until: datetime) -> Iterator[Intent]:
        """Return the commits on one deployment that came by `until`, the last one first."""


class RecordedIntents:
    """Commits that were read before, in their order."""

    def __init__(self, history: Sequence[Intent]) -> None:
        self._by_place: dict[tuple[str, str], list[Intent]] = {}
        self._placed: dict[tuple[str, str, str], datetime] = {}
        """When each release was first placed, by stage, model and digest."""
        for each in history:
            self._by_place.setdefault((each.stage, each.model), []).append(each)
            for slot in each.slots:
                key = (each.stage, each.model, slot.digest.text)
                self._placed[key] = min(each.time, self._placed.get(key, each.time))
        self._earliest = {place: _earliest_after(those) for place, those in self._by_place.items()}

    def places(self) -> Iterable[tuple[str, str]]:
        """Return every stage and model with a commit."""
        return self._by_place.keys()

    def newest_first(self, place: tuple[str, str], until: datetime) -> Iterator[Intent]:
        """Return the commits on one deployment that came by `until`, the last one first."""
        intents = self._by_place[place]
        # From there on all came later, so that many questions do not read all of them each.
        end = bisect_right(self._earliest[place], until)
        return (intents[n] for n in range(end - 1, -1, -1) if intents[n].time <= until)

    def past(self, place: tuple[str, str], until: datetime) -> "Past":
        """Return the commits on one deployment up to a time; empty for an unknown deployment."""
        commits = self.newest_first(place, until) if place in self._by_place else iter(())

        def is_placed(digest: str) -> bool:
            first = self._placed.get((*place, digest))
            return first is not None and first <= until

        return Past(commits, is_placed)


def _earliest_after(intents: Sequence[Intent]) -> list[datetime]:
    """Return, for each commit, the earliest time of it and of all after it."""
    earliest: list[datetime] = []
    for each in reversed(intents):
        earliest.append(min(each.time, earliest[-1]) if earliest else each.time)
    return earliest[::-1]


class Past:
    """The commits on one deployment up to a time, read from the last one on as far as needed."""

    def __init__(
        self, newest_first: Iterator[Intent], is_placed: Callable[[str], bool] | None = None
    ) -> None:
        """`is_placed` answers `has_intended` without reading them, if somebody has an index."""
        self._unread = newest_first
        self._is_placed = is_placed
        self._read: list[Intent] = []

    def __iter__(self) -> Iterator[Intent]:
        """Yield them, the last one first."""
        position = 0
        while position < len(self._read) or self._reads_on():
            yield self._read[position]
            position += 1

    def _reads_on(self) -> bool:
        intent = next(self._unread, None)
        if intent is not None:
            self._read.append(intent)
        return intent is not None

    @property
    def in_force(self) -> Intent | None:
        """The last one; None if there is none."""
        return next(iter(self), None)

    def has_intended(self, digest: str) -> bool:
        """Whether one of them placed a release."""
        if self._is_placed is not None:
            return self._is_placed(digest)
        return any(slot.digest.text == digest for each in self for slot in each.slots)


@dataclass(frozen=True, slots=True)
class TrafficShare:
    """One release that could have answered, with its share of the traffic in percent."""

    digest: str
    slot: str
    intended: int | None
    """Its share in git. None if git does not name the release."""
    observed: int | None
    """Its share in the route. None if no route names it."""
    replicas: int
    """The number of its servers that were up."""
    since: datetime | None
    certainty: Certainty
    answers: int | None = None
    """Recorded predictions in the minute around the time. None if they were not counted."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A disagreement between two sources."""

    kind: Literal[
        "live without commit",
        "live without approval",
        "approvals not known",
        "glass broken",
        "commit not signed",
        "intended but not live",
        "share differs",
        "ghost release",
        "answers without server",
        "log damaged",
        "log gone",
    ]
    message: str


@dataclass(frozen=True, slots=True)
class LiveModel:
    """One model in one stage at one time."""

    stage: str
    model: str
    time: datetime
    shares: tuple[TrafficShare, ...]
    """By share, the largest first."""
    intent: Intent | None
    """The commit in force. None if no commit had placed the model by then."""
    certainty: Certainty
    seen_until: datetime | None
    """The last sign of life before the time, if the certainty is not `certain`."""
    mismatches: tuple[Mismatch, ...]
    uses: Mapping[str, int] | None = None
    """Predictions of that minute by business process. None if they were not counted."""
    transition: str = ""
    """Why intended and observed may differ at that time without a fault; empty if they may not."""
