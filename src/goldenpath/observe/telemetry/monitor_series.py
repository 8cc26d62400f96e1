"""Series about the monitors and the platform, which exist also while nobody asks a model.

An alert on a series that vanishes in quiet minutes resolves itself and comes back. So these are
written for every known deployment at each export, whether there were requests or not.
"""

import math
import os
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import get_args

from goldenpath import instruments as names
from goldenpath.drift.verdict import DriftAnswer, DriftVerdict
from goldenpath.errors import GoldenPathError
from goldenpath.observe.drift.findings import DriftFinding, FindingKind, budget_left, load
from goldenpath.observe.log.release_rules import Facts
from goldenpath.observe.refusal_reasons import ALL_REASONS
from goldenpath.observe.telemetry.series import Series
from goldenpath.processes.channel_status import ChannelStatus
from goldenpath.version import __version__


class FindingCounts:
    """The findings in a folder, read again when one was written."""

    def __init__(self, folder: Path, report: Callable[[str], None]) -> None:
        self._folder = folder
        self._report = report
        self._changed = -1
        self._findings: Sequence[DriftFinding] = ()

    def of(self, stage: str, model: str, release: str) -> Sequence[DriftFinding]:
        """Return the findings about one release in one stage."""
        self._read()
        key = (stage, model, release)
        return [f for f in self._findings if (f.stage, f.model, f.release) == key]

    def _read(self) -> None:
        try:
            changed = self._folder.stat().st_mtime_ns
        except FileNotFoundError:
            return
        if changed == self._changed:
            return
        self._changed, known = changed, []
        for path in self._folder.glob("*.json"):
            try:
                known.append(load(self._folder, path.stem))
            except GoldenPathError as error:
                self._report(f"a finding is not counted: {error.message}")
        self._findings = known


def record_monitor(
    series: Series,
    verdict: DriftVerdict,
    facts: Facts | None,
    findings: Sequence[DriftFinding],
    *,
    now: datetime,
) -> None:
    """Set what the drift monitor says about one release."""
    series.gauge(names.DRIFT_EVIDENCE, "1", e_value(verdict.evidence))
    series.gauge(names.DRIFT_THRESHOLD, "1", e_value(verdict.threshold))
    for answer in get_args(DriftAnswer):
        is_now = float(answer == verdict.answer)
        series.gauge(names.DRIFT_ANSWER, "{answer}", is_now, ((names.ANSWER, answer),))
    record_findings(series, findings)
    if facts is not None:
        left = budget_left(findings, facts.contract.monitor.false_alarms_a_year, now)
        series.gauge(names.DRIFT_BUDGET_LEFT, "{alarm}", left)
    for counter in (names.LOG_RECORDS, names.LOG_LOST):
        series.count(counter, "{record}", 0)
    for reason in ALL_REASONS:
        series.count(names.REFUSALS, "{request}", 0, ((names.REFUSAL_REASON, reason),))


def record_findings(series: Series, findings: Sequence[DriftFinding]) -> None:
    """Set the number of open findings of each kind, 0 included."""
    numbers = Counter(each.kind for each in findings if each.state == "open")
    for kind in get_args(FindingKind):
        where = ((names.FINDING_KIND, kind),)
        series.gauge(names.FINDINGS_OPEN, "{finding}", numbers[kind], where)


def record_platform(series: Series, dropped: int, channels: Sequence[ChannelStatus]) -> None:
    """Set what concerns the machine and not one model."""
    series.gauge(names.BUILD_INFO, "", 1, ((names.VERSION, __version__),))
    series.sums[names.TELEMETRY_DROPPED, "{message}", ()] = dropped
    for each in channels:
        where = ((names.CHANNEL, each.channel),)
        series.gauge(names.ALARMS_WAITING, "{message}", each.waiting, where)
        series.gauge(names.ALARMS_HELD_BACK, "{message}", each.held_back, where)


def record_home(series: Series, folder: Path, *, is_stuck: bool) -> None:
    """Set how much room the disk of the home has, and whether records cannot be sealed."""
    series.gauge(names.LOG_STUCK, "", float(is_stuck))
    with suppress(OSError):  # the series ends where the disk cannot be asked
        system = os.statvfs(folder if folder.exists() else folder.parent)
        series.gauge(names.HOME_FREE, "By", system.f_bavail * system.f_frsize)


def e_value(logarithm: float) -> float:
    """Return the e-value; infinity where no number is large enough."""
    try:
        return math.exp(logarithm)
    except OverflowError:
        return math.inf
