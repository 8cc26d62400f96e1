"""The printed report: every sentence is marked and linked, facts stand once, page one is honest."""

from collections import Counter
from dataclasses import replace

import pytest

from goldenpath.audit.events.event import Event
from goldenpath.audit.events.log_state import LogState, LogStates
from goldenpath.audit.report.describe import DESCRIBE
from goldenpath.audit.report.evidence_bundle import EvidenceBundle, FindingEnd, NotedAdvisory
from goldenpath.audit.report.narrate import NARRATE
from goldenpath.audit.report.open_matters import MATTERS
from goldenpath.audit.report.printing.markdown_report import front_record, markdown_report
from goldenpath.audit.report.printing.marked_sentences import MarkedSentence, split_sentences
from goldenpath.audit.report.printing.printed_report import (
    BASES,
    PrintedBlock,
    PrintedReport,
    SentenceBlock,
    TableBlock,
    printed,
)
from goldenpath.audit.report.report_profile import PROFILES, profiled
from tests.audit.made import Made, bundle_of, documents, make_release, run_of


def of(bundle: EvidenceBundle) -> PrintedReport:
    return printed(profiled(bundle, "ai-act"), bundle)


def blocks(document: PrintedReport) -> list[PrintedBlock]:
    return [b for s in document.sections for f in s.fields for b in f.blocks]


def sentences(document: PrintedReport) -> list[MarkedSentence]:
    own = [each.sentence for each in blocks(document) if isinstance(each, SentenceBlock)]
    return own + [each for tile in document.front.tiles for each in tile.sentences]


def tile(document: PrintedReport, title: str) -> str:
    (one,) = (each for each in document.front.tiles if each.title == title)
    return " ".join(
        f"{each.mark}: {''.join(piece.text for piece in each.pieces)}" for each in one.sentences
    )


def test_every_function_of_the_map_says_what_its_facts_rest_on() -> None:
    assert {*DESCRIBE, *NARRATE, *MATTERS} == BASES.keys()


@pytest.mark.parametrize("profile", PROFILES)
def test_every_link_leads_to_a_record_of_the_report(bundle: EvidenceBundle, profile: str) -> None:
    document = printed(profiled(bundle, profile), bundle)  # type: ignore[arg-type]
    known = {each.anchor for each in document.records} | {"commits"}

    linked = {anchor for each in sentences(document) for anchor in each.anchors}
    linked |= {p.anchor for each in sentences(document) for p in each.pieces if p.anchor}
    for each in blocks(document):
        if isinstance(each, TableBlock):
            linked |= {p.anchor for row in each.rows for cell in row for p in cell if p.anchor}

    assert len(linked) > 10
    assert linked <= known


def test_every_sentence_that_is_verified_observed_or_declared_leads_to_a_record(
    document: PrintedReport,
) -> None:
    for each in sentences(document):
        if each.mark in ("verified", "observed", "declared"):
            assert each.anchors or any(piece.anchor for piece in each.pieces), each


def test_every_table_stands_once(document: PrintedReport) -> None:
    tables = Counter(
        (each.heads, each.rows) for each in blocks(document) if isinstance(each, TableBlock)
    )

    assert len(tables) > 15
    assert [rows for (_, rows), count in tables.items() if count > 1 and rows] == []


def test_a_short_digest_keeps_the_full_one(document: PrintedReport) -> None:
    digests = [p for each in sentences(document) for p in each.pieces if p.kind == "digest"]

    assert digests
    for piece in digests:
        assert len(piece.text) in (12, 19) and piece.full.startswith(piece.text)


def test_sentences_end_at_a_full_stop_before_a_capital() -> None:
    text = "Version 1.2.3 of x.y holds. It has 0.5. The rest, e.g. that one, is open"

    assert split_sentences(text) == (
        "Version 1.2.3 of x.y holds.",
        "It has 0.5.",
        "The rest, e.g. that one, is open",
    )


def test_page_one_has_only_what_the_tier_asks_for(tmp_path: object, release: Made) -> None:
    def asked(tier: str) -> tuple[str, int]:
        texts = {**documents(), "goldenpath.toml": f'tier = "{tier}"\n'.encode()}
        made = make_release(tmp_path / tier, texts, run_of(texts))  # type: ignore[operator]
        front = of(bundle_of(made)).front
        return front.gaps[1].title, front.not_asked

    low, high = asked("low"), asked("high")

    assert "asked for by the tier low" in low[0] and low[1] > 0
    assert "asked for by the tier high" in high[0] and high[1] == 0
    assert int(low[0].rpartition(": ")[2]) < int(high[0].rpartition(": ")[2])


def test_a_release_without_a_tier_is_asked_for_everything(document: PrintedReport) -> None:
    assert "no tier is declared" in document.front.gaps[1].title
    assert document.front.not_asked == 0


def test_page_one_names_an_open_finding_until_it_is_closed(bundle: EvidenceBundle) -> None:
    digest = bundle.digest.text
    alarm = Event(
        "2026-11-22T13:30:00.000000Z", "drift.alarm", "system", "prod", "credit", digest,
        details={"finding": "drift-1", "sentence": "age moved", "feature": "age"},
    )  # fmt: skip
    closed = FindingEnd("drift-1", "2026-11-22T13:40:00.000000Z", "manager")
    raised = replace(bundle, events=(*bundle.events, alarm))

    for end in (
        replace(closed, finding="drift-2"),
        replace(closed, time="2026-11-22T13:20:00.000000Z"),
        replace(closed, fault="nobody signed it"),
    ):
        opened = tile(of(replace(raised, ends=(end,))), "Open findings")
        assert "Age moved, in prod since" in opened and "1 drift finding is open" in opened
        is_told = "A closing of drift-1 by manager does not count: nobody signed it" in opened
        assert is_told == bool(end.fault)
    ended = tile(of(replace(raised, ends=(closed,))), "Open findings")
    assert "0 drift findings are open" in ended


def test_page_one_names_the_last_incident(bundle: EvidenceBundle) -> None:
    opened = Event(
        "2026-11-22T13:30:00.000000Z", "incident.opened", "manager",
        details={"incident": "incident-1", "statement": '{"text":"wrong answers"}'},
    )  # fmt: skip
    closed = Event(
        "2026-11-22T13:50:00.000000Z", "incident.closed", "manager",
        details={"incident": "incident-1", "statement": "{}"},
    )  # fmt: skip

    assert "No incident was opened" in tile(of(bundle), "Last incident")
    with_one = of(replace(bundle, events=(*bundle.events, opened)))
    assert "Wrong answers" in tile(with_one, "Last incident")
    assert "still open" in tile(with_one, "Last incident")
    with_both = of(replace(bundle, events=(*bundle.events, opened, closed)))
    assert "closed at 2026-11-22T13:50:00Z" in tile(with_both, "Last incident")


@pytest.mark.parametrize("standing", ["damaged", "gone", "never begun"])
def test_a_log_that_is_not_whole_makes_nothing_look_better(
    bundle: EvidenceBundle, standing: str
) -> None:
    faults = () if standing == "never begun" else ("line 3 was altered",)
    state = LogState(standing, faults)  # type: ignore[arg-type]
    lossy = of(replace(bundle, events=(), logs=LogStates(state, bundle.logs.predictions)))

    for title in ("Open findings", "Last incident"):
        assert "observed" not in tile(lossy, title)
        assert "Not known" in tile(lossy, title)
    against = lossy.front.gaps[0]
    assert any("line 3 was altered" in each.why for each in against.lines) is bool(faults)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_contradiction_stands_on_page_one_of_every_profile(
    bundle: EvidenceBundle, profile: str
) -> None:
    document = printed(profiled(bundle, profile), bundle)  # type: ignore[arg-type]

    assert any("first put into service" in each.why for each in document.front.gaps[0].lines)


OPEN = NotedAdvisory(
    "advisory-1", "prod", "high", "flawed==1.2 falls under CVE-2026-7", "2026-11-22T13:00:00Z",
    "credit-risk team", "2026-12-22T13:00:00Z", is_overdue=False,
)  # fmt: skip
SCAN = Event("2026-11-23T11:00:00.000000Z", "advisory.scanned", "system")


def test_page_one_names_open_advisories_by_severity_with_owner_and_limit(
    bundle: EvidenceBundle,
) -> None:
    late = replace(OPEN, finding="advisory-0", severity="critical", is_overdue=True)
    closed = replace(OPEN, finding="advisory-2", closed_by="validator signed not_affected")
    scanned = replace(bundle, events=(*bundle.events, SCAN))

    never = tile(of(bundle), "Known vulnerabilities")
    none = tile(of(scanned), "Known vulnerabilities")
    some = tile(of(replace(scanned, advisories=(late, OPEN, closed))), "Known vulnerabilities")

    assert "Not known: what is live was not compared with advisories ever" in never
    assert "observed: No advisory is open, by the comparison of 2026-11-23T11:00:00Z" in none
    assert "2 open (1 critical, 1 high), 1 beyond the limit" in some
    assert "owner credit-risk team, limit 2026-12-22; OVERDUE" in some
    assert "closed by VEX: validator signed not_affected" in some


def test_page_one_names_each_waiver_with_its_person(tmp_path: object) -> None:
    waived = of(bundle_of(make_release(tmp_path / "w", waived=True)))  # type: ignore[operator]
    plain = of(bundle_of(make_release(tmp_path / "p")))  # type: ignore[operator]

    assert "waived: In prod: fairness was waived, until 2026-12-31" in tile(waived, "Waivers")
    assert "No decision about this release relied on a waiver" in tile(plain, "Waivers")


def test_markdown_begins_with_page_one_as_the_other_formats(
    document: PrintedReport, bundle: EvidenceBundle
) -> None:
    text = markdown_report(profiled(bundle, "ai-act"), bundle)
    page_one = text.partition("## 0 ")[0]

    for shown in document.front.tiles:
        assert f"**{shown.title}**" in page_one
        for sentence in shown.sentences:
            assert "".join(each.full or each.text for each in sentence.pieces) in page_one
    assert all(f"**{each.title}**" in page_one for each in document.front.gaps)
    record = front_record(profiled(bundle, "ai-act"), bundle)
    assert list(record["tiles"]) == [each.title for each in document.front.tiles]  # type: ignore[call-overload]
