"""Findings about refused requests, for each reason and release, and about their end.

    usual --alarm--> open --usual again, or a person closes it--> usual

A caller that sends another schema is refused, and no row of it reaches the drift monitor. So the
requests are counted by reason, without those of a shadow. There is a look after `LOOK_REQUESTS`
requests and at the end of each day with requests. Counts are in files, so that a restart goes on.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from goldenpath.canonical import MAX_DOCUMENT
from goldenpath.drift.budget import start_weight
from goldenpath.drift.seasons import DAY
from goldenpath.drift.shares.refusal_share import (
    REFUSAL_SHARE,
    USUAL_SHARE,
    learnt_share,
    log_gains,
)
from goldenpath.drift.verdict import time_text
from goldenpath.drift.volume.request_rate import RateProcess
from goldenpath.files import write_whole
from goldenpath.observe.drift.findings import MONITOR, DriftFinding, open_finding, resolved, save
from goldenpath.observe.log.records import Block
from goldenpath.observe.log.release_rules import Facts
from goldenpath.observe.log.segment import checked_name
from goldenpath.observe.refusal_reasons import ALL_REASONS, OTHER, refusal_reason
from goldenpath.parsers.typed import decode_record, read_bounded
from goldenpath.times import timestamp

LOOK_REQUESTS = 200
REASONS = (*ALL_REASONS, OTHER)
KEPT_DAYS = 35
"""Days whose counts are kept for reports."""
_SECOND = 1_000_000_000
_NEVER = -1
"""What the rate process notes instead of a time if its evidence does not grow."""


class StoredShare(msgspec.Struct):
    """The process of one reason as it is stored; see `RateProcess`."""

    values: list[float] = []
    """Empty before the first look."""
    since: int = 0
    """When the evidence began to grow, in seconds since 1970; 0 if it does not."""
    refused: int = 0
    asked: int = 0
    """Requests since then."""
    usual: float = USUAL_SHARE
    finding: str = ""
    """The id of the open finding."""

    def process(self) -> RateProcess:
        """Return the process."""
        if not self.values:
            return RateProcess("more")
        return RateProcess("more", tuple(self.values), is_open=bool(self.finding))


class DayOfRequests(msgspec.Struct):
    """The requests of one day."""

    asked: int = 0
    refused: dict[str, int] = {}
    """By reason."""


class RefusalState(msgspec.Struct):
    """The requests of one release in one stage."""

    stage: str
    model: str
    release: str
    budget: float
    """False alarms a year of its contract."""
    days: dict[int, DayOfRequests] = {}
    """By the number of the day since 1970."""
    waiting: DayOfRequests = msgspec.field(default_factory=DayOfRequests)
    """Since the last look."""
    waiting_since: int = 0
    today: int = -1
    opened_today: int = 0
    opened_before: int = 0
    """Looks of the last day with requests, and of the one before it."""
    shares: dict[str, StoredShare] = {}
    """By reason."""
    version: Literal[1] = 1


class RefusalMonitor:
    """The refused requests of every release of one home."""

    def __init__(self, folder: Path, findings: Path, facts: Callable[[str], Facts | None]) -> None:
        self._folder, self._findings, self._facts = folder, findings, facts
        self._states: dict[tuple[str, str, str], RefusalState] = {}
        self._changed: set[tuple[str, str, str]] = set()

    def add(self, block: Block, now: datetime) -> Iterator[DriftFinding]:
        """Count a block of new records. Yield the findings that opened or ended, saved."""
        header = block.header
        facts = self._facts(header.digest)
        mine = [item for item in block.answered if not item.shadow]
        if facts is None or not mine:
            return
        key = (header.stage, header.model, header.digest)
        state = self._state(key)
        state.budget = facts.contract.monitor.false_alarms_a_year
        self._changed.add(key)
        for item in mine:
            second = item.started // _SECOND
            day = max(second // DAY, state.today)  # a clock that jumps back opens no day twice
            if state.waiting.asked and day > state.waiting_since // DAY:
                yield from self._look(state, now)
            if not state.waiting.asked:
                state.waiting_since = max(second, day * DAY)
            reason = refusal_reason(item.status, item.refusal) if item.refusal else ""
            for counts in (state.waiting, state.days.setdefault(day, DayOfRequests())):
                counts.asked += 1
                if reason:
                    counts.refused[reason] = counts.refused.get(reason, 0) + 1
            if state.waiting.asked >= LOOK_REQUESTS:
                yield from self._look(state, now)

    def save(self) -> None:
        """Write the states that have changed. Raises `OSError`."""
        for key in sorted(self._changed):
            write_whole(self._path(key), msgspec.json.encode(self._states[key]))
        self._changed.clear()

    def _look(self, state: RefusalState, now: datetime) -> Iterator[DriftFinding]:
        day, waiting = state.waiting_since // DAY, state.waiting
        if day != state.today:
            state.today, state.opened_before, state.opened_today = day, state.opened_today, 0
        allowed = state.budget * REFUSAL_SHARE / len(REASONS)
        weight = start_weight(state.opened_today, state.opened_before, allowed)
        state.opened_today += 1
        for reason in REASONS:
            refused = waiting.refused.get(reason, 0)
            if not refused and reason not in state.shares:
                continue  # its bets have only lost
            yield from self._judge(state, reason, (refused, weight), now)
        state.waiting = DayOfRequests()
        state.days = {day: c for day, c in state.days.items() if day > state.today - KEPT_DAYS}

    def _judge(
        self, state: RefusalState, reason: str, look: tuple[int, float], now: datetime
    ) -> Iterator[DriftFinding]:
        """Judge one reason; `look` are its refused requests, and the weight of the look."""
        (refused, weight), asked = look, state.waiting.asked
        stored = state.shares.get(reason, StoredShare())
        finding = open_finding(self._findings, stored.finding)
        if stored.finding and finding is None:
            # A person closed it: what is usual is learnt.
            usual = max(learnt_share(stored.refused, stored.asked), stored.usual)
            stored = StoredShare(usual=usual)
        since = stored.since or state.waiting_since
        gains = log_gains(refused, asked, stored.usual)
        process = stored.process().after(gains, _NEVER - 1, weight)
        stored.refused += refused
        stored.asked += asked
        if finding is not None and process.is_repaired:
            ended = resolved(finding, MONITOR, "few requests are refused for this reason", now)
            save(self._findings, ended)
            yield ended
            process, stored = RateProcess("more", since=_NEVER), StoredShare(usual=stored.usual)
        elif process.has_alarmed:
            opened = _finding(state, reason, (stored, since, process.value(weight)), now)
            save(self._findings, opened)
            yield opened
            process, stored.finding = process.opened(), opened.id
        if process.since == _NEVER and not process.is_open:  # the evidence does not grow
            since, stored.refused, stored.asked = 0, 0, 0
        stored.values, stored.since = list(process.values), since
        state.shares[reason] = stored

    def _path(self, key: tuple[str, str, str]) -> Path:
        stage, model, release = map(checked_name, (*key[:2], key[2].removeprefix("sha256:")))
        return self._folder / stage / model / f"{release}.refusals"

    def _state(self, key: tuple[str, str, str]) -> RefusalState:
        """Return the state of a release. Raises `InvalidInput` if its file is malformed."""
        if key not in self._states:
            path = self._path(key)
            try:
                content = read_bounded(path, MAX_DOCUMENT)
            except FileNotFoundError:
                self._states[key] = RefusalState(*key, 0.0)
            else:
                self._states[key] = decode_record(content, RefusalState, str(path))
        return self._states[key]


def _finding(
    state: RefusalState, reason: str, alarm: tuple[StoredShare, int, float], now: datetime
) -> DriftFinding:
    stored, since, value = alarm
    share = stored.refused / stored.asked
    short = state.release.removeprefix("sha256:")[:8]
    place = REASONS.index(reason)
    return DriftFinding(
        id=f"refusals-{now:%Y%m%dT%H%M%S}-{short}-{state.stage}-{place}-{since}",
        stage=state.stage,
        model=state.model,
        release=state.release,
        feature=reason,
        kind="refusals",
        opened_at=timestamp(now),
        since=time_text(since),
        evidence=value,
        threshold=0.0,
        size=share,
        looks=state.opened_today,
        rows=stored.asked,
        sentence=(
            f"{stored.refused} of {stored.asked} requests ({share:.1%}) were refused: {reason}; up "
            f"to {stored.usual:.1%} for one reason is usual"
        ),
    )


def saved_refusals(folder: Path, stage: str, model: str) -> Iterator[RefusalState]:
    """Yield the saved states of a model in a stage; `*` means any.

    Raises `InvalidInput` if one is malformed.
    """
    for path in sorted(folder.glob(f"{stage}/{model}/*.refusals")):
        yield decode_record(read_bounded(path, MAX_DOCUMENT), RefusalState, str(path))


def recent_refusals(states: Iterator[RefusalState], release: str, days: int) -> DayOfRequests:
    """Return the requests of a release in the last days on which it had any."""
    total = DayOfRequests()
    for state in states:
        if state.release != release:
            continue
        for day in sorted(state.days)[-days:]:
            counts = state.days[day]
            total.asked += counts.asked
            for reason, number in counts.refused.items():
                total.refused[reason] = total.refused.get(reason, 0) + number
    return total
