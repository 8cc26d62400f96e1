"""A drift report as text: a head, one line for each column, the findings."""

from goldenpath.cli.tables import TableRow, table
from goldenpath.drift.verdict import ColumnReport
from goldenpath.observe.drift.drift_report import DriftReport

_NUMBERS = ("PSI", "evidence", "would see")
_HEADINGS = ("column", "PSI", "95 % interval", "evidence", "would see", "remarks")


def drift_page(report: DriftReport) -> str:
    """Return the text that `goldenpath drift` prints about one release."""
    verdict = report.verdict
    head = f"{report.stage}/{report.model} {report.release[:19]}: {verdict.sentence}"
    budget = f"evidence {verdict.evidence:.1f}, an alarm at {verdict.threshold:.1f} (natural logs)"
    lines = [head, f"{verdict.rows} rows in {verdict.looks} looks, {budget}"]
    rows = [_row(column) for column in verdict.columns]
    lines.append(table(_HEADINGS, rows, numbers=_NUMBERS, has_head=True))
    lines += [f"finding {f.id} is {f.state}: {f.sentence}" for f in report.findings]
    return "\n".join(lines)


def _row(column: ColumnReport) -> TableRow:
    psi = column.psi
    value = "" if psi is None else f"{psi.value:.3f}"
    interval = "" if psi is None else f"{psi.low:.3f} to {psi.high:.3f}"
    name = f"{column.name} ({column.kind})"
    notes = [f"drift since {column.since}"] if column.is_drifting else []
    notes += [f"step {column.step:.2f}"] if column.step is not None else []
    notes += [f"new: {', '.join(column.new_values)}"] if column.new_values else []
    evidence, detectable = f"{column.evidence:.1f}", f"{column.detectable_psi:.3f}"
    return TableRow((name, value, interval, evidence, detectable, "; ".join(notes)))
