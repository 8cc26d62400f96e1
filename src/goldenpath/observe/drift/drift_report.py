"""The current drift of each release, from the state that the monitor saved."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from goldenpath.drift.sequential import Detector
from goldenpath.drift.verdict import DriftVerdict, OpenChange, drift_verdict
from goldenpath.home import Home
from goldenpath.observe.drift.findings import ADVISORY, DriftFinding, findings
from goldenpath.observe.drift.monitor_state import read_watch, watches
from goldenpath.observe.log.release_rules import Facts


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
        yield DriftReport(
            stage=watch.stage,
            model=watch.model,
            release=watch.release,
            updated_at=watch.updated_at,
            verdict=verdict,
            findings=mine,
        )
