"""The page of `goldenpath performance`: each release with its metrics, and what was not counted."""

from collections.abc import Iterator, Sequence

from goldenpath.cli.tables import TableRow, table
from goldenpath.digest import Digest
from goldenpath.drift.performance.score_metrics import Performance
from goldenpath.observe.labels.performance_report import PerformanceReport, ReleasePerformance


def performance_page(report: PerformanceReport) -> str:
    """Return the report for a terminal."""
    return "\n\n".join(_page(report))


def _page(report: PerformanceReport) -> Iterator[str]:
    if not report.releases:
        yield "no answer is in the sealed log"
    for release in report.releases:
        yield "\n".join(_lines(release))
    if report.unmatched:
        yield f"{report.unmatched} labels belong to no answer in the sealed log"
    yield from (f"not counted: {gap}" for gap in report.gaps)


def _lines(release: ReleasePerformance) -> Iterator[str]:
    name = Digest(release.release).short
    yield f"{name}: {release.answers} answers, {release.labelled} with labels"
    realised = {known.metric: known for known in release.realised}
    names = list(dict.fromkeys(each.metric for each in (*release.estimated, *release.realised)))
    estimated = {each.metric: each for each in release.estimated}
    rows: Sequence[TableRow] = [
        TableRow(
            (
                name,
                performance_text(estimated.get(name)) or "-",
                performance_text(realised.get(name)) or "-",
            )
        )
        for name in names
    ]
    yield table(("metric", "estimated", "realised"), rows)
    if release.calibration is not None:
        yield release.calibration.sentence
    yield from release.notes


def performance_text(performance: Performance | None) -> str:
    """Return the value with its interval; empty for None."""
    if performance is None:
        return ""
    if performance.low is None or performance.high is None:
        return f"{performance.value:.4f}"
    return f"{performance.value:.4f} ({performance.low:.4f} to {performance.high:.4f})"
