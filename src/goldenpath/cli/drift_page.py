"""A drift report as text: a head, one line for each column, the findings."""

from collections.abc import Sequence

from goldenpath.audit.alarms.notice import RENEWABLE_KINDS
from goldenpath.cli.tables import TableRow, table
from goldenpath.drift.verdict import ColumnReport, DriftVerdict
from goldenpath.observe.drift.drift_report import REPORTED_DAYS, DriftReport
from goldenpath.observe.drift.slice_verdicts import SliceVerdict

_NUMBERS = ("PSI", "evidence", "alarm at", "sees up", "sees down", "sees new", "sees missing")
_SLICE_HEADINGS = ("slice", "rows", "share", "usual share", "drifting", "answer")
_HEADINGS = (
    "column", "PSI", "95 % interval", "evidence", "alarm at",
    "sees up", "sees down", "sees new", "sees missing", "remarks",
)  # fmt: skip


def drift_page(report: DriftReport) -> str:
    """Return the text that `goldenpath drift` prints about one release."""
    verdict = report.verdict
    head = f"{report.stage}/{report.model} {report.release[:19]}: {verdict.sentence}"
    lines = [head, f"{verdict.rows} rows in {verdict.looks} looks; evidence in natural logs"]
    rows = [_row(column) for column in verdict.columns]
    lines.append(table(_HEADINGS, rows, numbers=_NUMBERS, has_head=True))
    lines += verdict.pairs
    lines += _refusal_lines(report)
    lines += [f"limit of the alarm budget: {limit}" for limit in verdict.limits]
    lines += [f"finding {f.id} is {f.state}: {f.sentence}" for f in report.findings]
    lines += decision_lines(report)
    lines += [
        f"to train again: goldenpath renew {f.model} --until DAY --finding {f.id} --as PERSON"
        for f in report.findings
        if f.state == "open" and f.kind in RENEWABLE_KINDS
    ][:1]
    return "\n".join(lines)


def _refusal_lines(report: DriftReport) -> list[str]:
    if not report.refused:
        return []
    number, asked = sum(report.refused.values()), report.requests
    ordered = sorted(report.refused.items(), key=lambda item: (-item[1], item[0]))
    reasons = ", ".join(f"{reason} {count}" for reason, count in ordered)
    return [
        f"refused on the last {REPORTED_DAYS} days with requests: {number} of {asked} requests "
        f"({number / asked:.1%}): {reasons}"
    ]


def decision_lines(report: DriftReport) -> list[str]:
    """Return what the open findings do to decisions; nothing without an open finding."""
    if report.decisions_unknown:
        return [f"decisions: unknown, the log cannot be read: {report.decisions_unknown}"]
    if report.decisions is not None:
        return [
            f"decisions: {each}" for each in (report.decisions.sentence, *report.decisions.parts)
        ]
    if any(each.state == "open" for each in report.findings):
        return ["decisions: the sealed log has no outcomes since then"]
    return []


def batch_page(
    verdict: DriftVerdict, slices: Sequence[SliceVerdict], days: int, chance: float
) -> str:
    """Return the text that `goldenpath drift --reference` prints about a batch of rows."""
    lines = [
        verdict.sentence,
        f"{verdict.rows} rows of {days} days, judged once; evidence in natural logs",
        table(_HEADINGS, [_row(c) for c in verdict.columns], numbers=_NUMBERS, has_head=True),
        f"if nothing has changed, a batch is called drifted with a chance of at most {chance:.0%}",
    ]
    lines += [f"limit of that chance: {limit}" for limit in verdict.limits]
    if slices:
        lines += ["", table(_SLICE_HEADINGS, [_slice_row(each) for each in slices], has_head=True)]
        lines.append("that chance covers the whole batch and all of its slices together")
    return "\n".join(lines)


def _slice_row(judged: SliceVerdict) -> TableRow:
    verdict = judged.verdict
    columns = [each.name for each in verdict.columns if each.is_drifting] if verdict else []
    what = judged.unknown if verdict is None else verdict.sentence
    shares = f"{judged.share:.1%}", f"{judged.share_before:.1%}"
    return TableRow((judged.slice, f"{judged.rows}", *shares, ", ".join(columns), what))


def _row(column: ColumnReport) -> TableRow:
    psi, seen = column.psi, column.detectable
    value = "" if psi is None else f"{psi.value:.3f}"
    interval = "" if psi is None else f"{psi.low:.3f} to {psi.high:.3f}"
    since = f" since {column.since}" if column.since else ""
    notes = [f"{kind}{since}" for kind in column.changes]
    notes += [f"step {column.step:.2f}"] if column.step is not None else []
    notes += [f"new: {', '.join(column.new_values)}"] if column.new_values else []
    notes += [f"refused: {column.refused:.2%}"] if column.refused else []
    return TableRow(
        (
            f"{column.name} ({column.kind})",
            value,
            interval,
            f"{column.evidence:.1f}",
            f"{column.threshold:.1f}",
            _size(seen.up),
            _size(seen.down),
            _share(seen.new),
            _share(seen.missing),
            "; ".join(notes),
        )
    )


def _size(psi: float | None) -> str:
    return "" if psi is None else f"{psi:.3f}"


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.2%}"
