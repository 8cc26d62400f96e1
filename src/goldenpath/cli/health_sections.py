"""What the health of a deployment says, as sections: the same for the terminal and the web page."""

from collections.abc import Iterator
from dataclasses import dataclass

from goldenpath.audit.alarms.closing import ListedFinding
from goldenpath.audit.health.answer_hours import AnswerHours
from goldenpath.audit.health.deployment_health import DeploymentHealth, ReleaseDrift
from goldenpath.cli.drift_page import decision_lines
from goldenpath.cli.group_page import NO_PROOF
from goldenpath.cli.performance_page import performance_text
from goldenpath.digest import Digest
from goldenpath.drift.shares.group_days import FEWEST_DAYS
from goldenpath.drift.verdict import ColumnReport
from goldenpath.observe.drift.drift_report import REPORTED_DAYS
from goldenpath.observe.labels.performance_report import ReleasePerformance

MOST_COLUMNS = 12
"""Columns of a release that are shown: those with the strongest evidence."""


@dataclass(frozen=True, slots=True)
class HealthRow:
    """One line of a table, with what its chart shows."""

    cells: tuple[str, ...]
    series: tuple[float, ...] = ()
    """Values over the hours, the oldest first."""
    share: float | None = None
    """The part of the way to an alarm; 1 or more: there."""


@dataclass(frozen=True, slots=True)
class HealthSection:
    """A titled table with sentences below it."""

    title: str
    headings: tuple[str, ...] = ()
    rows: tuple[HealthRow, ...] = ()
    chart: str = ""
    """The heading of the charts; empty: there are none."""
    notes: tuple[str, ...] = ()


def health_sections(health: DeploymentHealth) -> Iterator[HealthSection]:
    """Yield the sections of one deployment."""
    yield _live(health)
    yield _answers(health.answers)
    yield _findings(health)
    for drift in health.drift:
        yield _drift(drift)
        yield from _groups(drift)
    yield from _performance(health)
    unknown = (*health.answers.unknown, *health.unknown)
    beyond = [f"never known here: {each}" for each in health.beyond]
    yield HealthSection("unknown", notes=(*(f"unknown: {each}" for each in unknown), *beyond))


def _live(health: DeploymentHealth) -> HealthSection:
    rows = tuple(HealthRow((each.release, f"{each.percent} %")) for each in health.live)
    notes = [] if rows else ["git declares no release here"]
    notes += ["stopped: everything stays declared, nothing runs"] if health.is_stopped else []
    notes.append(f"owner: {health.owner or 'nobody is named in platform.toml'}")
    notes.append(f"runbook: {health.runbook or 'none is named in platform.toml'}")
    return HealthSection("live", ("release", "traffic"), rows, notes=tuple(notes))


def _answers(answers: AnswerHours) -> HealthSection:
    title = "answers and refusals an hour"
    if not answers.hours:
        return HealthSection(title, notes=("answers, refusals and latency are unknown",))
    reasons = sorted({reason for hour in answers.hours for reason in hour.refused})
    series = {"answered": tuple(float(hour.answered) for hour in answers.hours)}
    for reason in reasons:
        counts = (float(hour.refused.get(reason, 0)) for hour in answers.hours)
        series[f"refused: {reason}"] = tuple(counts)
    rows = tuple(_hourly(name, values) for name, values in series.items())
    latency = answers.latency
    note = "latency is unknown: no answer was counted"
    if latency is not None:
        note = (
            f"latency of {latency.requests} answers: median {_seconds(latency.median)}, "
            f"95 % within {_seconds(latency.p95)}, 99 % within {_seconds(latency.p99)}"
        )
    note_of_none = () if reasons else ("no refusal was counted",)
    hours = len(answers.hours)
    headings = ("requests", "this hour", "hour before", "mean", f"all {hours} hours")
    return HealthSection(title, headings, rows, f"last {hours} hours", (*note_of_none, note))


def _hourly(name: str, values: tuple[float, ...]) -> HealthRow:
    whole = sum(values)
    cells = (f"{values[-1]:.0f}", f"{values[-2]:.0f}", f"{whole / len(values):.1f}", f"{whole:.0f}")
    return HealthRow((name, *cells), series=values)


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _findings(health: DeploymentHealth) -> HealthSection:
    headings = ("finding", "state", "since", "owner", "due", "runbook", "what")
    rows = tuple(_finding(each, health.runbook) for each in health.findings)
    notes = () if rows else ("no open finding is known on this machine",)
    return HealthSection("open findings", headings, rows, notes=notes)


def _finding(listed: ListedFinding, runbook: str) -> HealthRow:
    finding = listed.finding
    state = "OVERDUE" if listed.is_overdue else "open"
    what = f"{finding.sentence}; closing NOT believed" if listed.fault else finding.sentence
    owner, due = listed.owner or "nobody named", listed.due[:19] or "no limit set"
    since = finding.since[:19] or "not known"
    return HealthRow((finding.id, state, since, owner, due, runbook or "none named", what))


def _drift(drift: ReleaseDrift) -> HealthSection:
    report, verdict = drift.report, drift.report.verdict
    notes = [
        f"alarm budget: {drift.budget_left:g} of {drift.false_alarms_a_year:g} a year left",
        f"{verdict.rows} rows in {verdict.looks} looks, counted until {report.updated_at[:19]}",
    ]
    more = len(verdict.columns) - MOST_COLUMNS
    notes += [f"{more} more columns: goldenpath drift {report.model}"] if more > 0 else []
    return HealthSection(
        f"drift of {Digest(report.release).short}: {verdict.sentence}",
        ("column", "PSI", "evidence", "alarm at", "remarks"),
        tuple(_column(each) for each in verdict.columns[:MOST_COLUMNS]),
        "evidence",
        (
            *notes,
            *decision_lines(drift.report),
            *(f"limit of the alarm budget: {limit}" for limit in verdict.limits),
        ),
    )


def _groups(drift: ReleaseDrift) -> Iterator[HealthSection]:
    report = drift.report
    open_groups = {f.feature for f in report.findings if f.kind == "group" and f.state == "open"}
    rows = []
    for each in report.groups:
        name = f"{each.feature} = {each.group}"
        judged = "" if each.days > FEWEST_DAYS else f"judged after {FEWEST_DAYS} days"
        rows.append(
            HealthRow(
                (
                    name, each.outcome, f"{each.decisions}", f"{each.share:.1%}",
                    f"{each.other_share:.1%}", "changed" if name in open_groups else judged,
                )
            )
        )  # fmt: skip
    if rows:
        note = f"on the last {REPORTED_DAYS} days with enough decisions on both sides"
        yield HealthSection(
            f"decisions by group of {Digest(report.release).short}",
            ("group", "outcome", "decisions", "share", "all others", "remarks"),
            tuple(rows),
            notes=(note, NO_PROOF),
        )


def _column(column: ColumnReport) -> HealthRow:
    remarks = [f"{kind} since {column.since}" for kind in column.changes]
    remarks += [f"new: {', '.join(column.new_values)}"] if column.new_values else []
    remarks += [f"refused: {column.refused:.2%}"] if column.refused else []
    psi = "unknown" if column.psi is None else f"{column.psi.value:.3f}"
    numbers = (psi, f"{column.evidence:.1f}", f"{column.threshold:.1f}")
    # Evidence is a logarithm: below 0 the rows speak for the reference.
    share = max(column.evidence, 0.0) / column.threshold if column.threshold > 0 else 0.0
    share = 1.0 if column.is_drifting else share
    return HealthRow((column.name, *numbers, "; ".join(remarks)), share=share)


def _performance(health: DeploymentHealth) -> Iterator[HealthSection]:
    report = health.performance
    if report is None:
        yield HealthSection("performance", notes=("performance is unknown",))
        return
    yield from map(_performance_of, report.releases)
    notes = [] if report.releases else ["performance is unknown: no answer is in the sealed log"]
    if report.unmatched:
        notes.append(f"{report.unmatched} labels belong to no answer in the sealed log")
    notes += [f"not counted: {gap}" for gap in report.gaps]
    if notes:
        yield HealthSection("performance of all releases", notes=tuple(notes))


def _performance_of(release: ReleasePerformance) -> HealthSection:
    estimated = {each.metric: each for each in release.estimated}
    realised = {each.metric: each for each in release.realised}
    rows = tuple(
        HealthRow(
            (name, *(performance_text(by.get(name)) or "unknown" for by in (estimated, realised)))
        )
        for name in dict.fromkeys((*estimated, *realised))
    )
    evidence = (release.calibration.sentence,) if release.calibration is not None else ()
    counted = f"{release.answers} answers, {release.labelled} with labels"
    title = f"performance of {Digest(release.release).short}: {counted}"
    notes = (*evidence, *release.notes)
    return HealthSection(title, ("metric", "estimated", "realised"), rows, notes=notes)
