"""The report as Markdown: page one as on every other format, then the gaps and the fields."""

from collections.abc import Iterator

from goldenpath.audit.report.evidence_bundle import EvidenceBundle
from goldenpath.audit.report.markdown import cell
from goldenpath.audit.report.printing.cited_records import record_index
from goldenpath.audit.report.printing.front_page import FrontPage, front_page
from goldenpath.audit.report.printing.marked_sentences import MarkedSentence
from goldenpath.audit.report.report import Report, render_markdown


def markdown_report(document: Report, bundle: EvidenceBundle) -> str:
    """Return the whole report. The digest that approvers sign is over these bytes."""
    front = front_page(document, bundle, record_index(bundle, document.bundle))
    return render_markdown(document, tuple(_page_one(front)))


def front_record(document: Report, bundle: EvidenceBundle) -> dict[str, object]:
    """Return page one as plain values, for JSON."""
    front = front_page(document, bundle, record_index(bundle, document.bundle))
    tiles = {
        tile.title: [{"mark": each.mark, "text": _text(each)} for each in tile.sentences]
        for tile in front.tiles
    }
    return {"tiles": tiles, "gaps": front.gaps, "not_asked": front.not_asked}


def _page_one(front: FrontPage) -> Iterator[str]:
    for tile in front.tiles:
        yield f"**{tile.title}**"
        yield ""
        yield from (f"- {cell(_text(each))} ({each.mark})" for each in tile.sentences)
        yield ""
    for gaps in front.gaps:
        yield f"**{gaps.title}**"
        yield ""
        for line in gaps.lines:
            where = f"{line.number} {line.title}".strip()
            yield f"- {where}: {cell(line.why)}"
        if not gaps.lines:
            yield gaps.none
        if gaps.more:
            yield f"- and {gaps.more} more, in the list below"
        yield ""


def _text(sentence: MarkedSentence) -> str:
    """Return a sentence with its digests in full."""
    return "".join(each.full or each.text for each in sentence.pieces)
