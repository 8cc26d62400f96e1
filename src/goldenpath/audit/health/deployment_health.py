"""The health of a deployment on one page: what is live, asked, answered, drifting and open.

Nothing is computed here for the first time. Each part comes from the source that has its own verb,
and a part that its source cannot give is named as unknown, with the reason.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from goldenpath.audit.alarms.alarm_source import AlarmSource
from goldenpath.audit.alarms.closing import ListedFinding, listed
from goldenpath.audit.health.answer_hours import AnswerHours, answer_hours
from goldenpath.audit.registers.finding_limits import owed
from goldenpath.errors import GoldenPathError
from goldenpath.home import Home
from goldenpath.observe.drift.drift_report import DriftReport, drift_reports
from goldenpath.observe.drift.findings import budget_left
from goldenpath.observe.labels.performance_report import PerformanceReport
from goldenpath.observe.log.release_rules import Facts
from goldenpath.promote.manifests.desired import Deployment
from goldenpath.promote.platform.alarm_rules import ModelOwner, owner_of
from goldenpath.release.attest.policy import Person

BEYOND = (
    "answers of the last seconds, which are not sealed yet",
    "requests that the gateway refused before a server saw them",
    "answers, findings and drift of servers on other machines",
)
"""What the log and the monitor of one machine cannot know."""


@dataclass(frozen=True, slots=True)
class LiveShare:
    """A release that git declares, and its share of the traffic in percent."""

    release: str
    percent: int


@dataclass(frozen=True, slots=True)
class ReleaseDrift:
    """The drift of one live release, and what its alarm budget still has."""

    report: DriftReport
    false_alarms_a_year: float
    budget_left: float
    """Of the last 365 days; below 0 if more alarms came than are false on average."""


@dataclass(frozen=True, slots=True)
class DeploymentHealth:
    """What one machine knows about one model in one stage."""

    stage: str
    model: str
    at: datetime
    live: tuple[LiveShare, ...]
    is_stopped: bool
    answers: AnswerHours
    findings: tuple[ListedFinding, ...]
    """The open ones, the oldest first."""
    owner: str
    """Empty if `platform.toml` names nobody."""
    runbook: str
    """Empty if `platform.toml` names none."""
    drift: tuple[ReleaseDrift, ...]
    performance: PerformanceReport | None
    unknown: tuple[str, ...]
    """What could not be found out, one sentence each, beside that of `answers`."""
    beyond: tuple[str, ...] = BEYOND


@dataclass(frozen=True, slots=True)
class HealthSources:
    """Where the health of deployments is read."""

    home: Home
    people: Sequence[Person]
    owners: Sequence[ModelOwner]
    facts: Callable[[str], Facts | None]
    """Opens a release; None if it cannot be opened."""
    performance: Callable[[str, str], PerformanceReport]
    """By stage and model."""
    now: datetime


def deployment_health(sources: HealthSources, deployment: Deployment) -> DeploymentHealth:
    """Return what is known about a deployment that git declares."""
    stage, model = deployment.stage, deployment.model
    live = tuple(LiveShare(slot.digest.text, slot.percent) for slot in deployment.slots)
    owner = owner_of(sources.owners, model)
    unknown: list[str] = []
    return DeploymentHealth(
        stage=stage,
        model=model,
        at=sources.now,
        live=live,
        is_stopped=deployment.stopped,
        answers=answer_hours(sources.home, stage, model, sources.now),
        findings=_open_findings(sources, stage, model, unknown),
        owner=owner.name if owner else "",
        runbook=owner.runbook if owner else "",
        drift=_drift(sources, stage, model, live=live, unknown=unknown),
        performance=_performance(sources, stage, model, unknown),
        unknown=tuple(unknown),
    )


def _open_findings(
    sources: HealthSources, stage: str, model: str, unknown: list[str]
) -> tuple[ListedFinding, ...]:
    source = AlarmSource(sources.home, lambda fault: unknown.append(f"findings: {fault}"))
    mine = [f for f in source.findings().values() if (f.stage, f.model) == (stage, model)]
    known = (
        owed(listed(sources.home.findings, each, sources.people), sources.owners, sources.now)
        for each in sorted(mine, key=lambda each: each.opened_at)
    )
    return tuple(each for each in known if each.is_open)


def _drift(
    sources: HealthSources,
    stage: str,
    model: str,
    *,
    live: Sequence[LiveShare],
    unknown: list[str],
) -> tuple[ReleaseDrift, ...]:
    names = {each.release for each in live}
    facts = {name: sources.facts(name) for name in sorted(names)}
    unknown += [f"drift: release {n} cannot be opened" for n, known in facts.items() if not known]
    found: list[ReleaseDrift] = []
    try:
        for report in drift_reports(sources.home, stage, model, facts.get):
            if known := facts[report.release]:
                allowed = known.contract.monitor.false_alarms_a_year
                left = budget_left(report.findings, allowed, sources.now)
                found.append(ReleaseDrift(report, allowed, left))
    except (GoldenPathError, OSError) as error:
        unknown.append(f"drift: {_words(error)}")
        return tuple(found)
    counted = {each.report.release for each in found}
    unknown += [
        f"drift: no row of release {name} was counted on this machine"
        for name in sorted(names - counted)
        if facts[name]
    ]
    return tuple(found)


def _performance(
    sources: HealthSources, stage: str, model: str, unknown: list[str]
) -> PerformanceReport | None:
    try:
        return sources.performance(stage, model)
    except (GoldenPathError, OSError) as error:
        unknown.append(f"performance: {_words(error)}")
        return None


def _words(error: Exception) -> str:
    return str(getattr(error, "message", error))
