"""`goldenpath drift`: every feature and the score against the reference, and what follows."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.audit.events.event import Event
from goldenpath.canonical import JsonValue
from goldenpath.cli.acting import identity_options
from goldenpath.cli.naming import MODEL, stage_filter
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.drift.verdict import ColumnReport
from goldenpath.observe.drift.drift_report import DriftReport, drift_reports
from goldenpath.observe.drift.findings import close
from goldenpath.observe.log.release_parts import Releases


@click.command()
@click.argument("model", type=MODEL, required=False, default="*")
@stage_filter()
@click.option("--close", "finding", metavar="FINDING", help="Close a finding, with a reason.")
@click.option("--reason", default="", help="Why it is closed.")
@identity_options
@output_option
def verb(
    model: str,
    stage: str | None,
    finding: str | None,
    reason: str,
    name: str | None,
    key: Path | None,
    output: Format,
) -> None:
    """Show drift of inputs and predictions against the reference."""
    if finding:
        show(*_closed(finding, reason, name, key), output)
        return
    home = compose.home()
    store = compose.platform_store(home)
    reports = list(drift_reports(home, stage or "*", model, Releases(store, note)))
    show(reports, "\n\n".join(map(_page, reports)) or "nothing was counted yet", output)


def _closed(finding: str, reason: str, name: str | None, key: Path | None) -> tuple[object, str]:
    home, now = compose.home(), compose.now()
    closed = close(home.findings, finding, compose.person(home, name, key).name, reason, now=now)
    details: dict[str, JsonValue] = {"finding": closed.id, "reason": reason}
    event = Event(
        closed.closed_at, "drift.closed", closed.closed_by, closed.stage, closed.model,
        closed.release, details=details,
    )  # fmt: skip
    compose.event_log(home).append(event)
    where = f"{closed.stage}/{closed.model}"
    return closed, f"{closed.id} is closed; the monitor of {where} starts afresh"


def _page(report: DriftReport) -> str:
    verdict = report.verdict
    head = f"{report.stage}/{report.model} {report.release[:19]}: {verdict.sentence}"
    budget = f"evidence {verdict.evidence:.1f}, an alarm at {verdict.threshold:.1f} (natural logs)"
    lines = [head, f"{verdict.rows} rows in {verdict.looks} looks, {budget}"]
    lines.append(
        f"{'':<40}{'PSI':>7}  {'95 % interval':<15}{'evidence':>9}{'would see':>11}  notes"
    )
    lines += [_line(column) for column in verdict.columns]
    lines += [f"finding {f.id} is {f.state}: {f.sentence}" for f in report.findings]
    return "\n".join(lines)


def _line(column: ColumnReport) -> str:
    psi = column.psi
    value = "" if psi is None else f"{psi.value:.3f}"
    interval = "" if psi is None else f"{psi.low:.3f} to {psi.high:.3f}"
    name = f"{column.name} ({column.kind})"
    notes = [f"drift since {column.since}"] if column.is_drifting else []
    notes += [f"step {column.step:.2f}"] if column.step is not None else []
    notes += [f"new: {', '.join(column.new_values)}"] if column.new_values else []
    numbers = f"{value:>7}  {interval:<15}{column.evidence:>9.1f}{column.detectable_psi:>11.3f}"
    return f"{name:<40}{numbers}  {'; '.join(notes)}".rstrip()
