"""The report as one HTML file: no script, nothing from elsewhere, readable on paper and telephone.

Every text is escaped by the template engine, and the page forbids itself scripts and addresses,
since names and values in it may come from requests.
"""

from importlib.resources import files

import jinja2

from goldenpath.audit.report.printing.cited_records import COMMITS
from goldenpath.audit.report.printing.marked_sentences import MEANING_OF_MARK
from goldenpath.audit.report.printing.printed_report import PrintedReport

_TEMPLATE, _STYLE = "report.html.jinja", "report.css"


def html_report(document: PrintedReport) -> str:
    """Return the whole page."""
    folder = files("goldenpath.audit.report.printing")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    template = environment.from_string((folder / _TEMPLATE).read_text("utf-8"))
    names = {each.anchor: f"{each.kind}: {each.name} {each.full}" for each in document.records}
    return template.render(
        report=document,
        names={COMMITS: "the commits among the records", **names},
        marks=MEANING_OF_MARK,
        style=(folder / _STYLE).read_text("utf-8"),
    )
