"""The page of `goldenpath health` as one HTML file: inline SVG, no script, nothing from elsewhere.

Every text is escaped, and the page forbids itself scripts and addresses, since names and values
in it may come from requests.
"""

from collections.abc import Iterator, Sequence
from html import escape

from goldenpath.audit.health.deployment_health import DeploymentHealth
from goldenpath.audit.report.plots.drawing import Drawing
from goldenpath.cli.health_sections import HealthRow, HealthSection, health_sections

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = (
    "body{font:14px/1.4 sans-serif;margin:2em;max-width:80em}"
    "table{border-collapse:collapse}th,td{text-align:left;padding:.15em .8em .15em 0}"
    "th{border-bottom:1px solid}h2{font-size:1em;margin:1.5em 0 .3em}"
    "p{margin:.2em 0}svg{width:144px;height:18px;vertical-align:middle}"
    ".mark{fill:#2b6cb0}.alarm{fill:#c53030}.rest{fill:#e2e8f0}"
)
_WIDTH, _HEIGHT = 144, 18


def health_html(deployments: Sequence[DeploymentHealth]) -> str:
    """Return the whole page."""
    names = ", ".join(f"{each.stage}/{each.model}" for each in deployments)
    head = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>Health of {escape(names)}</title><style>{_STYLE}</style></head><body>"
    )
    body = [line for each in deployments for line in _deployment(each)]
    return "\n".join([head, *body, "</body></html>", ""])


def _deployment(health: DeploymentHealth) -> Iterator[str]:
    name = escape(f"{health.stage}/{health.model}")
    yield f"<h1>{name}</h1><p>{health.at:%Y-%m-%d %H:%M:%S} UTC</p>"
    for section in health_sections(health):
        yield f"<h2>{escape(section.title)}</h2>"
        if section.rows:
            yield _table(section)
        yield from (f"<p>{escape(note)}</p>" for note in section.notes)


def _table(section: HealthSection) -> str:
    headings = [*section.headings, *([section.chart] if section.chart else [])]
    head = "".join(f"<th>{escape(each)}</th>" for each in headings)
    rows = "".join(f"<tr>{''.join(_cells(row, section))}</tr>" for row in section.rows)
    return f"<table><tr>{head}</tr>{rows}</table>"


def _cells(row: HealthRow, section: HealthSection) -> Iterator[str]:
    yield from (f"<td>{escape(cell)}</td>" for cell in row.cells)
    if section.chart:
        drawing = _columns(row.series) if row.share is None else _bar(row.share)
        chart = drawing.chart(f"{row.cells[0]}: {section.chart}", _WIDTH, _HEIGHT)
        yield f"<td>{chart}</td>"


def _columns(values: Sequence[float]) -> Drawing:
    drawing, largest, step = Drawing(), max(values, default=0.0), _WIDTH / max(len(values), 1)
    for place, value in enumerate(values):
        if value > 0:
            high = max(value / largest * _HEIGHT, 1.0)
            drawing.bar("mark", (place * step, _HEIGHT - high), (max(step - 1, 1.0), high))
    return drawing


def _bar(share: float) -> Drawing:
    drawing = Drawing()
    drawing.bar("rest", (0, 4), (_WIDTH, _HEIGHT - 8))
    width = min(max(share, 0.0), 1.0) * _WIDTH
    drawing.bar("alarm" if share >= 1 else "mark", (0, 4), (width, _HEIGHT - 8))
    return drawing
