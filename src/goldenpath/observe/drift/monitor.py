"""The drift monitor: it counts rows, tests for drift, opens findings and resolves them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from goldenpath.drift.changes import (
    Change,
    change_size,
    changes,
    column_counts,
    is_repaired,
    new_values,
    pair_sentence,
    process_place,
)
from goldenpath.drift.counting import Counts
from goldenpath.drift.profile import Profile
from goldenpath.drift.seasons import DAY
from goldenpath.drift.sequential import PAIR, Detector, State, log_evidence, look
from goldenpath.drift.verdict import DriftVerdict, OpenChange, drift_verdict, time_text
from goldenpath.errors import NotFound
from goldenpath.observe.drift.findings import (
    MONITOR,
    DriftFinding,
    finding_id,
    load,
    resolved,
    save,
)
from goldenpath.observe.drift.monitor_state import (
    MonitorState,
    StoredCounts,
    StoredFinding,
    StoredRestart,
    load_watch,
    save_watch,
)
from goldenpath.observe.drift.subjects_seen import SubjectsSeen
from goldenpath.observe.drift.traffic import traffic
from goldenpath.observe.log.records import Block, decisive
from goldenpath.observe.log.release_rules import Facts
from goldenpath.times import timestamp

Key = tuple[str, str, str]
"""Stage, model and digest of the release."""

PARTS_OF_A_DAY = 100
"""A look covers at least so small a part of the rows of today and the day before."""


@dataclass(slots=True)
class _Deployment:
    """The saved state of a deployment, and what is computed from it."""

    watch: MonitorState
    facts: Facts
    detector: Detector
    state: State
    waiting: Counts
    total: Counts
    """Everything counted since this process started, repeated rows included."""
    seen: SubjectsSeen = field(default_factory=SubjectsSeen)
    verdict: tuple[tuple[int, tuple[OpenChange, ...]], DriftVerdict] | None = None
    """The last verdict, and for how many looks and which open findings it is."""
    is_changed: bool = False


class Monitor:
    """The monitor of all deployments of one home.

    State and findings are in files, so that it continues after a restart.
    """

    def __init__(self, folder: Path, findings: Path, facts: Callable[[str], Facts | None]) -> None:
        self._folder = folder
        self._findings = findings
        self._facts = facts
        self._deployments: dict[Key, _Deployment] = {}

    def add(self, block: Block, now: datetime) -> tuple[Block, list[DriftFinding]]:
        """Count new rows. Return the block of new rows, and the findings that changed."""
        header = block.header
        deployment = self._deployment((header.stage, header.model, header.digest))
        if deployment is None:
            return block, []
        fresh = _unseen(block, deployment.watch.seen.get(header.replica, 0))
        if not fresh.answered:
            return fresh, []
        deployment.watch.seen[header.replica] = fresh.answered[-1].sequence + 1
        deployment.is_changed = True
        news: list[DriftFinding] = []
        for _ in _looks(deployment, decisive(fresh)):
            news += self._judge(deployment, now)
        return fresh, news

    def know(self, stage: str, model: str, release: str) -> None:
        """Load a deployment that was counted before, so that its series exist at once."""
        self._deployment((stage, model, release))

    def save(self, now: datetime) -> None:
        """Write the states that have changed."""
        for deployment in self._deployments.values():
            if deployment.is_changed:
                watch = deployment.watch
                watch.keep(deployment.state, deployment.waiting)
                watch.updated_at = timestamp(now)
                save_watch(self._folder, watch)
                deployment.is_changed = False

    def verdicts(self) -> Iterator[tuple[Key, DriftVerdict, Profile, Counts]]:
        """Return for every deployment the current verdict and the counts since the start."""
        for key, deployment in self._deployments.items():
            watch = deployment.watch
            opened = tuple(OpenChange(f.feature, f.kind, f.since) for f in watch.findings)
            mark = (deployment.state.looks, opened)
            if deployment.verdict is None or deployment.verdict[0] != mark:
                verdict = drift_verdict(
                    deployment.detector, deployment.state, after=watch.after, opened=opened
                )
                deployment.verdict = (mark, verdict)
            yield key, deployment.verdict[1], deployment.facts.profile, deployment.total

    def _deployment(self, key: Key) -> _Deployment | None:
        deployment = self._deployments.get(key)
        if deployment is None:
            facts = self._facts(key[2])
            if facts is None:
                return None
            profile = facts.profile
            watch = load_watch(self._folder, *key, columns=len(profile.columns))
            deployment = self._deployments[key] = _Deployment(
                watch=watch,
                facts=facts,
                detector=Detector.of(profile, facts.contract.monitor),
                state=watch.state(profile),
                waiting=watch.pending.counts(profile),
                total=Counts.zero(profile),
            )
        return deployment

    def _judge(self, deployment: _Deployment, now: datetime) -> list[DriftFinding]:
        """Resolve and open findings after a look."""
        watch, news = deployment.watch, []
        evidence = log_evidence(deployment.detector, deployment.state.window())
        for stored in list(watch.findings):
            finding = self._finding(stored.id)
            if finding is not None and finding.state == "open":
                if not _is_over(deployment, stored, evidence):
                    continue
                finding = resolved(finding, MONITOR, "the values are as in the reference", now)
                save(self._findings, finding)
                news.append(finding)
            # A person closed it, or it is repaired: from now on another change is looked for.
            watch.findings.remove(stored)
            _restart(watch, stored, deployment.state.looks)
        busy = {(stored.feature, stored.kind) for stored in watch.findings}
        found = changes(deployment.detector, deployment.state, watch.after, evidence)
        alarms = takewhile(lambda change: change.is_alarm, found)
        fresh = [change for change in alarms if (change.feature, change.kind) not in busy]
        return news + [self._open(deployment, change, now) for change in fresh]

    def _open(self, deployment: _Deployment, change: Change, now: datetime) -> DriftFinding:
        watch, state = deployment.watch, deployment.state
        profile, since = deployment.facts.profile, state.since(change.onset)
        place = process_place(deployment.detector, change.feature, change.kind)
        size = change_size(deployment.detector, since, place, change.kind)
        if change.kind == PAIR:
            new = tuple[str, ...]()
            sentence = pair_sentence(deployment.detector, place, size)
            place += len(profile.columns)  # so that no column has the same name of a finding
        else:
            counts = column_counts(deployment.detector, since, place)
            new = new_values(profile.columns[place], counts, since.rows)
            sentence = _sentence(change, size, new)
        finding = DriftFinding(
            id=finding_id(watch.stage, watch.release, (place, change.kind), state.looks, now=now),
            stage=watch.stage,
            model=watch.model,
            release=watch.release,
            feature=change.feature,
            kind=change.kind,
            opened_at=timestamp(now),
            since=time_text(change.since),
            evidence=change.evidence,
            threshold=change.threshold,
            size=size,
            looks=state.looks,
            rows=change.rows,
            sentence=sentence,
            new_values=new,
        )
        save(self._findings, finding)
        watch.findings.append(
            StoredFinding(
                finding.id, finding.feature, change.kind, finding.since, state.looks,
                StoredCounts.of(since),
            )
        )  # fmt: skip
        return finding

    def _finding(self, name: str) -> DriftFinding | None:
        try:
            return load(self._findings, name)
        except NotFound:
            return None


def _is_over(deployment: _Deployment, stored: StoredFinding, evidence: NDArray[np.float64]) -> bool:
    drifted = stored.drifted.counts(deployment.facts.profile)
    process = (stored.feature, stored.kind)
    return is_repaired(
        deployment.detector,
        deployment.state,
        process,
        evidence,
        drifted=drifted,
        opened=stored.opened,
    )


def _restart(watch: MonitorState, stored: StoredFinding, looks: int) -> None:
    watch.restarts = [
        each
        for each in watch.restarts
        if (each.feature, each.kind) != (stored.feature, stored.kind)
    ]
    watch.restarts.append(StoredRestart(stored.feature, stored.kind, looks))


def _sentence(change: Change, size: float, new: tuple[str, ...]) -> str:
    if change.kind == "shift":
        return f"the distribution of {change.feature} has shifted, PSI {size:.2f}"
    what = {
        "new code": "values that the reference does not have",
        "missing": "missing values",
        "refused": "values that the contract refuses",
    }[change.kind]
    named = f" ({', '.join(new[:5])})" if new and change.kind == "new code" else ""
    return f"{change.feature} has {what}{named} in {size:.2%} of the rows"


def _unseen(block: Block, first: int) -> Block:
    if not block.answered or block.answered[0].sequence >= first:
        return block
    answered = [item for item in block.answered if item.sequence >= first]
    return Block.of(block.header, answered)


def _looks(deployment: _Deployment, block: Block) -> Iterator[None]:
    """Count rows, and look after enough of them and at the end of each day with rows.

    So the looks do not depend on how rows are batched.
    """
    watch = deployment.watch
    rows = traffic(deployment.facts, block, deployment.seen)
    begin = 0
    while begin < len(rows):
        # A clock that jumps back must not open a day twice.
        day = max(rows.day(begin), watch.pending_since // DAY)
        if deployment.waiting.size and day > watch.pending_since // DAY:
            yield from _look(deployment)
        if day > deployment.state.today and not deployment.waiting.size:
            watch.rows_today, watch.rows_before = 0, watch.rows_today
        if not deployment.waiting.size:
            watch.pending_since = max(rows.second(begin), deployment.state.today * DAY)
        end = rows.end(begin, _look_rows(deployment) - deployment.waiting.size, day)
        fresh, every = rows.counts(begin, end)
        deployment.waiting += fresh
        deployment.total += every
        watch.rows_today += end - begin
        begin = end
        if deployment.waiting.size >= _look_rows(deployment):
            yield from _look(deployment)


def _look_rows(deployment: _Deployment) -> int:
    watch = deployment.watch
    recent = (watch.rows_today + watch.rows_before) // PARTS_OF_A_DAY
    return max(deployment.facts.contract.monitor.look_rows, recent)


def _look(deployment: _Deployment) -> Iterator[None]:
    deployment.state = look(
        deployment.detector, deployment.state, deployment.waiting, deployment.watch.pending_since
    )
    deployment.waiting = Counts.zero(deployment.facts.profile)
    yield
