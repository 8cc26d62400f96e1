"""The drift monitor: it counts rows, tests for drift, and raises each alarm once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from goldenpath import times
from goldenpath.drift.profile import Counts, Profile, count
from goldenpath.drift.sequential import Detector, DriftEvidence, State, look
from goldenpath.drift.verdict import ColumnReport, DriftVerdict, drift_verdict
from goldenpath.errors import NotFound
from goldenpath.observe.drift.findings import (
    DriftFinding,
    FindingKind,
    finding_id,
    load,
    save,
)
from goldenpath.observe.drift.monitor_state import MonitorState, load_watch, save_watch
from goldenpath.observe.log.prediction_log import timestamp
from goldenpath.observe.log.records import Block, decisive
from goldenpath.observe.log.release_rules import Facts

Key = tuple[str, str, str]
"""Stage, model and digest of the release."""


@dataclass(slots=True)
class _Deployment:
    """The saved state of a deployment, and what is computed from it."""

    watch: MonitorState
    facts: Facts
    detector: Detector
    state: State
    waiting: Counts
    since: str
    total: Counts
    """Everything counted since this process started."""
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
        """Count new rows. Return the block of new rows and the alarms that they raised."""
        header = block.header
        deployment = self._deployment((header.stage, header.model, header.digest))
        if deployment is None:
            return block, []
        fresh = _unseen(block, deployment.watch.seen.get(header.replica, 0))
        if not fresh.answered:
            return fresh, []
        deployment.watch.seen[header.replica] = fresh.answered[-1].sequence + 1
        deployment.is_changed = True
        raised = []
        for evidence in _looks(deployment, decisive(fresh)):
            raised += self._alarms(deployment, evidence, now)
        return fresh, raised

    def know(self, stage: str, model: str, release: str) -> None:
        """Load a deployment that was counted before, so that its series exist at once."""
        self._deployment((stage, model, release))

    def save(self, now: datetime) -> None:
        """Write the states that have changed."""
        for deployment in self._deployments.values():
            if deployment.is_changed:
                watch = deployment.watch
                watch.keep(deployment.state, deployment.waiting, deployment.since)
                watch.updated_at = f"{now:%Y-%m-%dT%H:%M:%S.%fZ}"
                save_watch(self._folder, watch)
                deployment.is_changed = False

    def verdicts(self) -> Iterator[tuple[Key, DriftVerdict, Profile, Counts]]:
        """Return for every deployment the current verdict and the counts since the start."""
        for key, deployment in self._deployments.items():
            verdict = drift_verdict(deployment.detector, deployment.state)
            yield key, verdict, deployment.facts.profile, deployment.total

    def _deployment(self, key: Key) -> _Deployment | None:
        deployment = self._deployments.get(key)
        if deployment is None:
            facts = self._facts(key[2])
            if facts is None:
                return None
            watch = load_watch(self._folder, *key)
            deployment = self._deployments[key] = _Deployment(
                watch=watch,
                facts=facts,
                detector=Detector.of(facts.profile, facts.contract.monitor),
                state=watch.state(facts.profile),
                waiting=watch.waiting(facts.profile),
                since=watch.pending_since,
                total=Counts.zero(facts.profile),
            )
        return deployment

    def _alarms(
        self, deployment: _Deployment, evidence: DriftEvidence, now: datetime
    ) -> list[DriftFinding]:
        watch = deployment.watch
        for key, name in list(watch.findings.items()):
            if not self._is_open(name):
                del watch.findings[key]
        if not evidence.is_alarm:
            return []
        verdict = drift_verdict(deployment.detector, deployment.state)
        raised = []
        for position, column in enumerate(verdict.columns):
            key = f"{column.name}/{_kind(column)}"
            if column.is_drifting and key not in watch.findings:
                finding = _finding(watch, verdict, position, now)
                save(self._findings, finding)
                watch.findings[key] = finding.id
                raised.append(finding)
        return raised

    def _is_open(self, name: str) -> bool:
        try:
            return load(self._findings, name).state == "open"
        except NotFound:
            return False


def _kind(column: ColumnReport) -> FindingKind:
    return "new code" if column.new_values else "shift"


def _finding(
    watch: MonitorState, verdict: DriftVerdict, position: int, now: datetime
) -> DriftFinding:
    column = verdict.columns[position]
    kind = _kind(column)
    return DriftFinding(
        id=finding_id(watch.stage, watch.release, position, kind, now=now),
        stage=watch.stage,
        model=watch.model,
        release=watch.release,
        feature=column.name,
        kind=kind,
        opened_at=times.timestamp(now),
        since=column.since,
        evidence=column.evidence,
        threshold=verdict.threshold,
        size=column.psi.value if column.psi else 0.0,
        looks=verdict.looks,
        rows=verdict.rows,
        sentence=verdict.sentence,
        new_values=column.new_values,
    )


def _unseen(block: Block, first: int) -> Block:
    if not block.answered or block.answered[0].sequence >= first:
        return block
    answered = [item for item in block.answered if item.sequence >= first]
    return Block.of(block.header, answered)


def _looks(deployment: _Deployment, block: Block) -> Iterator[DriftEvidence]:
    """Count rows and test after every `look_rows` rows.

    So the tests do not depend on how rows are batched.
    """
    settings, profile = deployment.facts.contract.monitor, deployment.facts.profile
    started = np.repeat([a.started for a in block.answered], [a.rows for a in block.answered])
    begin, total = 0, block.total
    monitored = deployment.facts.rules.monitored(block.numbers)
    while begin < total:
        if not deployment.waiting.rows:
            deployment.since = timestamp(int(started[begin]))
        end = min(begin + settings.look_rows - deployment.waiting.rows, total)
        counted = count(profile, block.rows[begin:end], monitored[begin:end])
        deployment.waiting += counted
        deployment.total += counted
        begin = end
        if deployment.waiting.rows >= settings.look_rows:
            deployment.state, evidence = look(
                deployment.detector, deployment.state, deployment.waiting, deployment.since
            )
            deployment.waiting = Counts.zero(profile)
            yield evidence
