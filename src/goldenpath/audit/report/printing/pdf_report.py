"""The report as PDF, set by typst without a browser. The same document gives the same bytes.

Its fonts come with the wheel, its time is that of the bundle, and the content goes in as data.
"""

from datetime import datetime
from importlib.resources import files

import msgspec

from goldenpath.audit.report.plots.drawing import PAPER_STYLE
from goldenpath.audit.report.printing.marked_sentences import MEANING_OF_MARK
from goldenpath.audit.report.printing.printed_report import PlotBlock, PrintedReport
from goldenpath.errors import Unavailable

_TEMPLATE = "report.typ"


def pdf_report(document: PrintedReport) -> bytes:
    """Return the PDF. Raises `Unavailable` if typst is not installed."""
    try:
        # Only a PDF needs it, and it is an extra of the wheel.
        import typst
    except ImportError as error:
        raise Unavailable(
            "a PDF needs the typesetter typst, which is not installed",
            hint="install goldenpath[pdf], or write html and print it",
        ) from error
    template = (files("goldenpath.audit.report.printing") / _TEMPLATE).read_bytes()
    moment = datetime.fromisoformat(document.as_of)
    content = typst.compile(
        template,
        format="pdf",
        ignore_system_fonts=True,  # fonts of this machine would change the bytes
        sys_inputs={"report": msgspec.json.encode(_content(document, moment)).decode()},
        timestamp=int(moment.timestamp()),
    )
    if not isinstance(content, bytes):
        raise TypeError("typst returned no document")
    return content


def _content(document: PrintedReport, moment: datetime) -> object:
    plain = msgspec.to_builtins(document)
    for section, shown in zip(plain["sections"], document.sections, strict=True):
        for field, printed in zip(section["fields"], shown.fields, strict=True):
            field["blocks"] = [
                _plot(block) if isinstance(block, PlotBlock) else each
                for each, block in zip(field["blocks"], printed.blocks, strict=True)
            ]
    plain["date"] = [*moment.timetuple()[:6]]
    plain["short"] = document.digest[:19]
    plain["generator"] = dict(document.made_from)["Generator"]
    plain["marks"] = list(MEANING_OF_MARK.items())
    plain["commits"] = True
    return plain


def _plot(block: PlotBlock) -> dict[str, str]:
    plot = block.plot
    return {
        "kind": "plot",
        "title": plot.title,
        "description": plot.description,
        "svg": plot.svg(block.name, PAPER_STYLE),
    }
