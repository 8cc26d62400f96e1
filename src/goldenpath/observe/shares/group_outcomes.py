"""Findings about outcomes of groups of persons over time, and about their end.

    usual --alarm--> open --usual again, or a person closes it--> usual

Groups are the slices that the signed contract allows, and no others: a category with few codes, and
a number with `slices`. What is kept is the number of decisions of each group and day, which
telemetry has as well; no row and no subject. A day is judged when the next one has begun.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from goldenpath.canonical import MAX_DOCUMENT
from goldenpath.drift.days.rank_bets import BETS
from goldenpath.drift.seasons import DAY
from goldenpath.drift.shares.group_days import (
    FEWEST_DAYS,
    FEWEST_DECISIONS,
    GroupDay,
    day_gains,
    day_weight,
    drawn_decisions,
)
from goldenpath.drift.verdict import time_text
from goldenpath.drift.volume.request_rate import RateProcess
from goldenpath.files import write_whole
from goldenpath.observe.drift.findings import MONITOR, DriftFinding, open_finding, resolved, save
from goldenpath.observe.drift.outcomes import inside_of
from goldenpath.observe.log.records import Block
from goldenpath.observe.log.release_rules import Facts
from goldenpath.observe.log.segment import checked_name
from goldenpath.parsers.typed import decode_record, read_bounded
from goldenpath.project.slicing import Slice, slices
from goldenpath.times import timestamp

MOST_GROUPS = 60
"""Groups and outcomes that are judged, the first ones of the contract."""
MOST_DAYS = 100
"""Days of a group that are kept to rank later days among."""
_SECOND = 1_000_000_000
Mask = NDArray[np.bool_]
Names = NDArray[np.object_]
_NEVER = -1
_FRESH = RateProcess("more", (-math.inf,) * BETS)


class StoredGroup(msgspec.Struct):
    """The process of one outcome in one group as it is stored."""

    feature: str
    group: str
    outcome: str
    days: list[list[int]] = []
    """Day, decisions with the outcome and all of them, in the group and of all others."""
    waiting: list[int] = msgspec.field(default_factory=lambda: [0, 0, 0, 0])
    """Of days with too few decisions: as in `days`, without the day."""
    values: list[float] = []
    """Empty while nothing is bet."""
    since: int = -1
    """The first day since which the evidence grows; -1 if it does not."""
    finding: str = ""
    """The id of the open finding."""

    @property
    def history(self) -> list[GroupDay]:
        """The days before."""
        return [GroupDay(*each) for each in self.days]

    @property
    def process(self) -> RateProcess:
        """The process of the bets."""
        if not self.values:
            return _FRESH
        return RateProcess("more", tuple(self.values), is_open=bool(self.finding))


class GroupState(msgspec.Struct):
    """The decisions of one release in one stage by groups."""

    stage: str
    model: str
    release: str
    budget: float
    """False alarms a year of its contract."""
    today: int = -1
    counts: dict[str, list[int]] = {}
    """Of today: decisions of each group by outcome, by `feature`, a line break and the group."""
    outcomes: list[str] = []
    groups: list[StoredGroup] = []
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class RecentGroup:
    """The decisions of one group with one outcome on the last days, and those of all others."""

    feature: str
    group: str
    outcome: str
    decisions: int
    share: float
    other_decisions: int
    other_share: float
    days: int
    """Days that could be judged before; with fewer than `FEWEST_DAYS` nothing is judged yet."""


class GroupOutcomes:
    """The decisions by groups of every release of one home."""

    def __init__(self, folder: Path, findings: Path, facts: Callable[[str], Facts | None]) -> None:
        self._folder, self._findings, self._facts = folder, findings, facts
        self._states: dict[tuple[str, str, str], GroupState] = {}
        self._changed: set[tuple[str, str, str]] = set()

    def add(self, block: Block, now: datetime) -> Iterator[DriftFinding]:
        """Count a block of new decisions. Yield the findings that opened or ended, saved."""
        header = block.header
        facts = self._facts(header.digest)
        if facts is None or not block.total:
            return
        parts, outcomes = list(slices(facts.contract)), facts.rules.outcomes
        if not parts or len(outcomes) < 2:
            return
        key = (header.stage, header.model, header.digest)
        state = self._state(key)
        state.budget = facts.contract.monitor.false_alarms_a_year
        state.outcomes = list(outcomes)
        self._changed.add(key)
        rows = np.array([item.rows for item in block.answered], np.int64)
        days = np.repeat([item.started // _SECOND // DAY for item in block.answered], rows)
        decided = np.array(facts.rules.decide(block.numbers).outcomes, object)
        # A clock that jumps back opens no day twice.
        days = np.maximum.accumulate(np.maximum(days, state.today))
        for day in np.unique(days).tolist():
            if day != state.today:
                yield from self._end_day(state, now)
                state.today = day
            _count(state, block, parts, decided, is_now=days == day)

    def save(self) -> None:
        """Write the states that have changed. Raises `OSError`."""
        for key in sorted(self._changed):
            write_whole(self._path(key), msgspec.json.encode(self._states[key]))
        self._changed.clear()

    def _end_day(self, state: GroupState, now: datetime) -> Iterator[DriftFinding]:
        """Judge the day that has ended, and forget its counts."""
        known = {(each.feature, each.group, each.outcome): each for each in state.groups}
        # Of two outcomes one says what the other says.
        judged = state.outcomes[:1] if len(state.outcomes) == 2 else state.outcomes
        features: dict[str, list[str]] = {}
        for name in state.counts:
            feature, _, group = name.partition("\n")
            features.setdefault(feature, []).append(group)
        names = [
            (feature, group, outcome)
            for feature, groups in features.items()
            for group in (groups[:1] if len(groups) == 2 else groups)
            for outcome in judged
        ][:MOST_GROUPS]
        for process in names:
            known.setdefault(process, StoredGroup(*process))
        weight = day_weight(state.budget, max(len(known), 1))
        state.groups = list(known.values())
        for stored in state.groups:
            _wait(state, stored)
            today = GroupDay(state.today, *stored.waiting)
            if today.smaller >= FEWEST_DECISIONS:
                yield from self._judge(state, stored, (today, weight), now)
        state.counts = {}

    def _judge(
        self,
        state: GroupState,
        stored: StoredGroup,
        look: tuple[GroupDay, float],
        now: datetime,
    ) -> Iterator[DriftFinding]:
        """Judge a day of one group with enough decisions; `look` has its weight too."""
        today, weight = look
        finding = open_finding(self._findings, stored.finding)
        if stored.finding and finding is None:
            # A person closed it: what is usual is learnt again.
            stored.days, stored.values, stored.finding, stored.since = [], [], "", _NEVER
        history = stored.history
        is_known = len(history) >= FEWEST_DAYS
        if is_known and today.smaller < drawn_decisions(history):
            return  # it goes on with the next day
        stored.waiting = [0, 0, 0, 0]
        if finding is None:
            stored.days = [*stored.days, _stored_day(today)][-MOST_DAYS:]
        if not is_known:
            return
        process = stored.process.after(day_gains(history, today), _NEVER - 1, weight)
        is_rising = process.since != _NEVER
        stored.since = stored.since if stored.since != _NEVER else today.day
        if finding is not None and process.is_repaired:
            ended = resolved(finding, MONITOR, "the difference is as before", now)
            save(self._findings, ended)
            yield ended
            stored.values, stored.finding, stored.since = [], "", _NEVER
            return
        if process.has_alarmed:
            opened = _finding(state, stored, (process.value(weight), weight), now)
            save(self._findings, opened)
            yield opened
            process, stored.finding = process.opened(), opened.id
            stored.days = [day for day in stored.days if day[0] < stored.since]
        elif not is_rising and not process.is_open:
            stored.since = _NEVER
        stored.values = list(process.values)

    def _path(self, key: tuple[str, str, str]) -> Path:
        stage, model, release = map(checked_name, (*key[:2], key[2].removeprefix("sha256:")))
        return self._folder / stage / model / f"{release}.groups"

    def _state(self, key: tuple[str, str, str]) -> GroupState:
        """Return the state of a release. Raises `InvalidInput` if its file is malformed."""
        if key not in self._states:
            path = self._path(key)
            try:
                content = read_bounded(path, MAX_DOCUMENT)
            except FileNotFoundError:
                self._states[key] = GroupState(*key, 0.0)
            else:
                self._states[key] = decode_record(content, GroupState, str(path))
        return self._states[key]


def _stored_day(day: GroupDay) -> list[int]:
    return [day.day, day.hits, day.decisions, day.other_hits, day.other_decisions]


def _count(
    state: GroupState, block: Block, parts: Sequence[Slice], decided: Names, *, is_now: Mask
) -> None:
    """Count the decisions of a day for every group, those without any included."""
    hit = [is_now & (decided == outcome) for outcome in state.outcomes]
    for part in parts:
        inside = inside_of(part, block)
        counts = state.counts.setdefault(f"{part.feature}\n{part.label}", [0] * len(state.outcomes))
        for place, mask in enumerate(hit):
            counts[place] += int(np.count_nonzero(mask & inside))


def _wait(state: GroupState, stored: StoredGroup) -> None:
    """Add the decisions of the day that has ended to those of a group that wait."""
    if stored.outcome not in state.outcomes:
        return
    place, prefix = state.outcomes.index(stored.outcome), f"{stored.feature}\n"
    for name, counts in state.counts.items():
        if name.startswith(prefix):
            offset = 0 if name == f"{prefix}{stored.group}" else 2
            stored.waiting[offset] += counts[place]
            stored.waiting[offset + 1] += sum(counts)


def _finding(
    state: GroupState, stored: StoredGroup, alarm: tuple[float, float], now: datetime
) -> DriftFinding:
    (value, weight), since = alarm, stored.since
    before = _total(day for day in stored.history if day.day < since)
    after = _total(day for day in stored.history if day.day >= since)
    short = state.release.removeprefix("sha256:")[:8]
    place = state.groups.index(stored)
    return DriftFinding(
        id=f"group-{now:%Y%m%dT%H%M%S}-{short}-{state.stage}-{place}-{since}",
        stage=state.stage,
        model=state.model,
        release=state.release,
        feature=f"{stored.feature} = {stored.group}",
        kind="group",
        opened_at=timestamp(now),
        since=time_text(since * DAY),
        evidence=value,
        threshold=-math.log(weight),
        size=after.gap - before.gap,
        looks=len(stored.days),
        rows=after.decisions,
        sentence=(
            f"{stored.outcome}, {stored.feature} = {stored.group}: {after.share:.1%} against "
            f"{after.other_share:.1%} of all others; before {before.share:.1%} against "
            f"{before.other_share:.1%}"
        ),
    )


def _total(days: Iterator[GroupDay]) -> GroupDay:
    table = np.array([_stored_day(day) for day in days]).reshape(-1, 5)
    return GroupDay(int(table[:, 0].min()), *(int(each) for each in table[:, 1:].sum(axis=0)))


def saved_groups(folder: Path, stage: str, model: str) -> Iterator[GroupState]:
    """Yield the saved states of a model in a stage; `*` means any.

    Raises `InvalidInput` if one is malformed.
    """
    for path in sorted(folder.glob(f"{stage}/{model}/*.groups")):
        yield decode_record(read_bounded(path, MAX_DOCUMENT), GroupState, str(path))


def recent_groups(states: Iterator[GroupState], release: str, days: int) -> tuple[RecentGroup, ...]:
    """Return the groups of a release on its last days with enough decisions."""
    found = []
    for stored in (each for state in states if state.release == release for each in state.groups):
        if not stored.days:
            continue
        total = _total(iter(stored.history[-days:]))
        found.append(
            RecentGroup(
                stored.feature, stored.group, stored.outcome, total.decisions, total.share,
                total.other_decisions, total.other_share, len(stored.days),
            )
        )  # fmt: skip
    return tuple(found)
