"""The report as HTML: whole in one file, without script, and safe with hostile names."""

import re
from dataclasses import replace
from html.parser import HTMLParser

from goldenpath.audit.report.evidence_bundle import EvidenceBundle
from goldenpath.audit.report.printing.html_report import html_report
from goldenpath.audit.report.printing.printed_report import PrintedReport, printed
from goldenpath.audit.report.report_profile import profiled
from tests.audit.made import Made, bundle_of, intent

_EMPTY = {"meta", "br", "line", "circle", "rect", "polyline", "polygon"}


class _Reader(HTMLParser):
    """Collects tags, ids and links, and checks that elements close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        if "id" in found:
            self.ids.append(str(found["id"]))
        for name in ("href", "src"):
            if name in found:
                self.links.append(str(found[name]))
        if tag not in _EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open[-1] != tag and self.open[-1] in ("p", "li", "td", "th"):
            self.open.pop()
        assert self.open.pop() == tag


def read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    return reader


def test_every_link_stays_in_the_page_and_leads_somewhere(document: PrintedReport) -> None:
    reader = read(html_report(document))

    assert len(reader.links) > 200
    assert {each for each in reader.links if not each.startswith("#")} == set()
    assert {each[1:] for each in reader.links} <= {*reader.ids}
    assert len(reader.ids) == len({*reader.ids}), "an id stands twice"
    assert reader.open == []


def test_the_page_has_no_script_and_asks_nobody_for_anything(document: PrintedReport) -> None:
    page = html_report(document)
    reader = read(page)

    assert not {"script", "link", "img", "iframe", "object", "form"} & {*reader.tags}
    assert "default-src 'none'" in page
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style and "@import" not in style
    assert re.search(r"\son[a-z]+=", page) is None


def test_the_page_has_its_plots_contents_and_every_field(document: PrintedReport) -> None:
    page = html_report(document)

    assert page.count('<svg xmlns="http://www.w3.org/2000/svg" class="plot"') >= 3
    assert "Calibration on the evaluation rows" in page
    for section in document.sections:
        assert f'id="section-{section.number}"' in page
        for field in section.fields:
            assert f'id="field-{field.number}"' in page


def test_the_page_has_colours_for_light_dark_and_paper(document: PrintedReport) -> None:
    page = html_report(document)

    assert "prefers-color-scheme:dark" in page
    assert "@media print" in page and "counter(page)" in page
    assert "max-width:38rem" in page


def test_a_full_digest_is_shown_on_hover(document: PrintedReport, bundle: EvidenceBundle) -> None:
    page = html_report(document)
    statement = bundle.verified.statements[0].envelope

    assert f'title="{statement.text}"><code>{statement.text[:19]}</code>' in page


def test_hostile_words_stay_words(release: Made) -> None:
    hostile = "<script>alert(1)</script>{{ 7*7 }}\"'><svg onload=x>"
    entry = intent(release, reason=hostile, signer="<b>me</b>", stage="<i>prod</i>")
    bundle = replace(bundle_of(release), history=(entry,))
    page = html_report(printed(profiled(bundle, "ai-act"), bundle))

    assert "<script" not in page and "<b>me" not in page and "<i>prod" not in page
    assert "{{ 7*7 }}" in page and "49" not in page.partition("{{ 7*7 }}")[0][-20:]
    read(page)


def test_the_page_never_claims_conformity(document: PrintedReport) -> None:
    page = html_report(document).lower()

    assert "compliant" not in page and "certified" not in page
