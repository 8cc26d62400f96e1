"""The page of `goldenpath health` for a terminal, and the same without charts for a program."""

from collections.abc import Sequence

from goldenpath.audit.health.deployment_health import DeploymentHealth
from goldenpath.cli.charts import has_charts, share_bar, spark_line
from goldenpath.cli.health_sections import HealthRow, HealthSection, health_sections
from goldenpath.cli.tables import TableRow, table


def health_page(deployments: Sequence[DeploymentHealth]) -> str:
    """Return the text about each deployment."""
    return "\n\n".join(health_text(each, with_charts=has_charts()) for each in deployments)


def health_text(health: DeploymentHealth, *, with_charts: bool) -> str:
    """Return the text about one deployment."""
    head = f"{health.stage}/{health.model} at {health.at:%Y-%m-%d %H:%M:%S} UTC"
    sections = [_section(each, with_charts) for each in health_sections(health)]
    return "\n".join([head, *sections])


def _section(section: HealthSection, with_charts: bool) -> str:
    lines = ["", section.title]
    if section.rows:
        charted = with_charts and bool(section.chart)
        headings = (*section.headings, *([section.chart] if charted else []))
        rows = [TableRow((*row.cells, *([_chart(row)] if charted else []))) for row in section.rows]
        numbers = [each for each in section.headings[1:] if each in _NUMBERS]
        lines.append(table(headings, rows, numbers=numbers, has_head=True))
    return "\n".join([*lines, *(f"  {note}" for note in section.notes)])


_NUMBERS = (
    "this hour", "hour before", "mean", "all 24 hours", "PSI", "evidence", "alarm at", "traffic",
)  # fmt: skip


def _chart(row: HealthRow) -> str:
    return spark_line(row.series) if row.share is None else share_bar(row.share)
