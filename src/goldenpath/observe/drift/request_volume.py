"""Findings about the number of requests of each model in each stage, and about their end.

    usual --alarm--> open --usual again, or a person closes it--> usual

The answers of a release depend on its share of the traffic, so all releases of a model are counted
together, answered and refused requests, without those of a shadow. An hour is judged some minutes
after its end, if the observer was running from its beginning: what nobody watched is not silence.
Counts are in files, so that a restart goes on with them.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from goldenpath.canonical import MAX_DOCUMENT
from goldenpath.drift.verdict import time_text
from goldenpath.drift.volume.request_rate import (
    DIRECTIONS,
    MOST_WEEKS,
    WEEK,
    Direction,
    RateProcess,
    UsualRate,
    hour_weight,
    log_gains,
    usual_rate,
)
from goldenpath.files import write_whole
from goldenpath.observe.drift.findings import MONITOR, DriftFinding, open_finding, resolved, save
from goldenpath.observe.log.records import Block
from goldenpath.observe.log.release_rules import Facts
from goldenpath.observe.log.segment import checked_name
from goldenpath.parsers.typed import decode_record, read_bounded
from goldenpath.times import timestamp

HOUR = 3600
GRACE = 300
"""Seconds after the end of an hour until it is judged; its last records are read by then."""
LONGEST_GAP = 600
"""If the observer did not work for so many seconds, the hour is not judged."""
_NANOSECONDS = 1_000_000_000
FEATURE = "requests"
_TITLES = {"fewer": "far fewer requests than usual", "more": "far more requests than usual"}


class StoredRate(msgspec.Struct):
    """The process of one direction as it is stored; see `RateProcess`."""

    direction: Direction
    values: list[float] = []
    """Empty before the first hour that was judged."""
    since: int = 0
    finding: str = ""
    """The id of the open finding."""

    def process(self) -> RateProcess:
        """Return the process."""
        if not self.values:
            return RateProcess(self.direction)
        is_open = bool(self.finding)
        return RateProcess(self.direction, tuple(self.values), self.since, is_open)


class VolumeState(msgspec.Struct):
    """The requests of one model in one stage, by hours since 1970."""

    stage: str
    model: str
    release: str
    """The release that answered last."""
    budget: float
    """False alarms a year of its contract."""
    hours: dict[int, int] = {}
    """Requests of each observed hour."""
    current: dict[int, int] = {}
    """Requests of hours that are not judged yet."""
    judged: int = 0
    """The last hour that was judged or left out."""
    rates: list[StoredRate] = []
    version: Literal[1] = 1


class RequestVolume:
    """The requests of every model of one home."""

    def __init__(self, folder: Path, findings: Path, facts: Callable[[str], Facts | None]) -> None:
        self._folder, self._findings, self._facts = folder, findings, facts
        self._states = {(s.stage, s.model): s for s in _saved(folder)}
        self._changed: set[tuple[str, str]] = set()
        self._watched_from = -1
        """The first hour that is observed whole; -1 before the first round."""
        self._last = 0.0

    def add(self, block: Block) -> None:
        """Count the requests of a block of new records."""
        header = block.header
        facts = self._facts(header.digest)
        hours = [i.started // _NANOSECONDS // HOUR for i in block.answered if not i.shadow]
        if facts is None or not hours:
            return
        key = (header.stage, header.model)
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = VolumeState(header.stage, header.model, "", 0.0)
            state.judged = min(hours) - 1
        state.release = header.digest
        state.budget = facts.contract.monitor.false_alarms_a_year
        for hour in hours:
            # A late record changes what is usual, and no judgement that was made.
            table = state.current if hour > state.judged else state.hours
            if table is state.current or hour in state.hours:
                table[hour] = table.get(hour, 0) + 1
        self._changed.add(key)

    def judge(self, now: datetime) -> Iterator[DriftFinding]:
        """Judge every hour that has ended. Yield the findings that opened or ended, saved."""
        seconds = now.timestamp()
        if self._watched_from < 0 or seconds - self._last > LONGEST_GAP:
            self._watched_from = int(seconds // HOUR) + 1
        self._last = seconds
        ended = int((seconds - GRACE) // HOUR)
        for key, state in self._states.items():
            if ended - 1 <= state.judged:
                continue
            for hour in range(max(state.judged + 1, ended - 2 * WEEK), ended):
                if hour >= self._watched_from:
                    yield from self._judge(state, hour, now)
            state.judged = ended - 1
            state.current = {h: n for h, n in state.current.items() if h >= ended}
            oldest = ended - (MOST_WEEKS + 1) * WEEK
            state.hours = {h: n for h, n in state.hours.items() if h >= oldest}
            self._changed.add(key)

    def save(self) -> None:
        """Write the states that have changed. Raises `OSError`."""
        for key in sorted(self._changed):
            path = self._folder / checked_name(key[0]) / f"{checked_name(key[1])}.requests"
            write_whole(path, msgspec.json.encode(self._states[key]))
        self._changed.clear()

    def _judge(self, state: VolumeState, hour: int, now: datetime) -> Iterator[DriftFinding]:
        requests = state.current.get(hour, 0)
        usual = usual_rate(state.hours, hour)
        state.hours[hour] = requests
        if usual is None:
            return
        weight = hour_weight(state.budget)
        known = {each.direction: each for each in state.rates}
        state.rates = []
        for direction in DIRECTIONS:
            stored = known.get(direction, StoredRate(direction))
            finding = open_finding(self._findings, stored.finding)
            if stored.finding and finding is None:
                # A person closed it: what is usual is learnt again.
                state.hours = {}
                state.rates.append(StoredRate(direction))
                continue
            process = stored.process().after(log_gains(usual, direction, requests), hour, weight)
            if finding is not None and process.is_repaired:
                ended = resolved(finding, MONITOR, "the number of requests is usual again", now)
                save(self._findings, ended)
                yield ended
                process, stored = RateProcess(direction, since=hour + 1), StoredRate(direction)
            elif process.has_alarmed:
                opened = self._finding(state, process, (hour, requests, usual), now)
                save(self._findings, opened)
                yield opened
                process, stored = process.opened(), StoredRate(direction, finding=opened.id)
            state.rates.append(
                StoredRate(direction, list(process.values), process.since, stored.finding)
            )

    def _finding(
        self,
        state: VolumeState,
        process: RateProcess,
        last: tuple[int, int, UsualRate],
        now: datetime,
    ) -> DriftFinding:
        hour, requests, usual = last
        weight = hour_weight(state.budget)
        begin = min(process.since, hour)
        number = sum(state.hours.get(each, 0) for each in range(begin, hour + 1))
        what = "no requests at all" if not number else _TITLES[process.direction]
        short = state.release.removeprefix("sha256:")[:8]
        return DriftFinding(
            id=f"volume-{now:%Y%m%dT%H%M%S}-{short}-{state.stage}-{process.direction}",
            stage=state.stage,
            model=state.model,
            release=state.release,
            feature=FEATURE,
            kind="volume",
            opened_at=timestamp(now),
            since=time_text(begin * HOUR),
            evidence=process.value(weight),
            threshold=process.value(weight) - process.value(1.0),
            size=float(requests),
            looks=hour - begin + 1,
            rows=number,
            sentence=(
                f"{what}: {requests} in the last hour; between {usual.low:.1f} and "
                f"{usual.high:.1f} are usual at this hour of the week"
            ),
        )


def _saved(folder: Path) -> Iterator[VolumeState]:
    for path in sorted(folder.glob("*/*.requests")):
        yield decode_record(read_bounded(path, MAX_DOCUMENT), VolumeState, str(path))
