"""The current drift of each release, from the state that the monitor saved."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa

from goldenpath.drift.sequential import Detector
from goldenpath.drift.verdict import DriftVerdict, OpenChange, drift_verdict
from goldenpath.home import Home
from goldenpath.observe.drift.decision_shift import DecisionShift, decision_shift
from goldenpath.observe.drift.findings import ADVISORY, DriftFinding, findings
from goldenpath.observe.drift.monitor_state import MonitorState, read_watch, watches
from goldenpath.observe.log.release_rules import Facts
from goldenpath.observe.shares.group_outcomes import RecentGroup, recent_groups, saved_groups
from goldenpath.observe.shares.refused_requests import recent_refusals, saved_refusals

REPORTED_DAYS = 7
_END = datetime(2262, 1, 1, tzinfo=UTC)
"""Later than every answer: the largest year of times in nanoseconds."""


@dataclass(frozen=True, slots=True)
class DriftReport:
    """The drift of one release in one stage."""

    stage: str
    model: str
    release: str
    updated_at: str
    verdict: DriftVerdict
    findings: tuple[DriftFinding, ...]
    """Open and resolved, the oldest first."""
    decisions: DecisionShift | None = None
    """How decisions moved since the first onset of an open finding; None without one, or if the
    sealed log has no decisions since then."""
    decisions_unknown: str = ""
    """Why that could not be read; empty if it could."""
    requests: int = 0
    """Answered and refused, on the last `REPORTED_DAYS` days with requests."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """How many of them were refused, by reason."""
    groups: tuple[RecentGroup, ...] = ()
    """Decisions by group, on the last `REPORTED_DAYS` days with enough of them."""


def drift_reports(
    home: Home, stage: str, model: str, facts: Callable[[str], Facts | None]
) -> Iterator[DriftReport]:
    """Return a report for each release that was counted. `*` means any stage or model."""
    known = tuple(findings(home.findings))
    for path, watched in watches(home.drift, stage, model).items():
        about = facts(watched.release)
        if about is None:
            continue
        detector = Detector.of(about.profile, about.contract.monitor)
        watch = read_watch(path, len(about.profile.columns))
        about_it = (f for f in known if f.release == watch.release and f.stage == watch.stage)
        mine = tuple(f for f in about_it if f.kind != ADVISORY)
        opened = tuple(OpenChange(f.feature, f.kind, f.since) for f in mine if f.state == "open")
        verdict = drift_verdict(
            detector, watch.state(about.profile), after=watch.after, opened=opened
        )
        decisions, unknown = _decisions(home, watch, mine)
        saved = saved_refusals(home.drift, watch.stage, watch.model)
        asked = recent_refusals(saved, watch.release, REPORTED_DAYS)
        yield DriftReport(
            stage=watch.stage,
            model=watch.model,
            release=watch.release,
            updated_at=watch.updated_at,
            verdict=verdict,
            findings=mine,
            decisions=decisions,
            decisions_unknown=unknown,
            requests=asked.asked,
            refused=asked.refused,
            groups=recent_groups(
                saved_groups(home.drift, watch.stage, watch.model), watch.release, REPORTED_DAYS
            ),
        )


def _decisions(
    home: Home, watch: MonitorState, known: Sequence[DriftFinding]
) -> tuple[DecisionShift | None, str]:
    """Return how decisions moved since the first open finding, and why that is unknown."""
    onsets = [each.since for each in known if each.state == "open" and each.since]
    if not onsets:
        return None, ""
    deployment = (watch.stage, watch.model, watch.release)
    since = datetime.fromisoformat(min(onsets))
    try:
        # The log ends where it ends: what comes later has not happened.
        return decision_shift(home.predictions, deployment, since, _END), ""
    except (OSError, pa.ArrowException) as error:
        return None, " ".join(str(error).split())[:300]
