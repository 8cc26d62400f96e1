"""The report as one document of marked sentences, tables and plots, before it gets a format.

HTML and PDF print this same value. Facts that several fields show stand once, where they belong
best; the other fields link there.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from goldenpath.audit.report.blocks import Block, Bullets, CommandLines, FactTable, Paragraph
from goldenpath.audit.report.evidence_bundle import EvidenceBundle
from goldenpath.audit.report.plots.drawing import ReportPlot
from goldenpath.audit.report.printing.cited_records import CitedRecord, RecordIndex, record_index
from goldenpath.audit.report.printing.front_page import FrontPage, GapLine, front_page
from goldenpath.audit.report.printing.marked_sentences import (
    MARK_OF,
    Mark,
    MarkedSentence,
    Piece,
    marked_sentences,
    pieces_of,
)
from goldenpath.audit.report.printing.report_plots import plots_of
from goldenpath.audit.report.proof import MEANING, ORDER, Proof, Status, prove_need
from goldenpath.audit.report.report import GAPS, Field, Report, law_as_read, places

BASES: Mapping[str, str] = MappingProxyType(
    {
        "identity": "provenance",
        "environment": "sbom",
        "supply": "signature",
        "hardware": "provenance",
        "compute": "provenance",
        "inputs": "contract",
        "policy": "contract",
        "monitors": "contract",
        "parameters": "provenance",
        "steps": "tests",
        "datasets": "dataset",
        "columns": "dataset",
        "metrics": "metrics",
        "groups": "metrics",
        "evaluation": "metrics",
        "thresholds": "metrics",
        "ages": "dataset",
        "security": "signature",
        "build": "provenance",
        "approvals": "approval",
        "predecessors": "commits",
        "changes": "commits",
        "waivers": "decision",
        "alarms": "events",
        "corrections": "events",
        "intervals": "events",
        "actors": "commits",
        "log-state": "events",
        "logs": "generator",
        "limits": "generator",
        "standards": "generator",
        "declaration": "generator",
        "application": "generator",
        "differences": "predecessor-metrics",
        "registration": "generator",
        "statements": "generator",
        "verify": "generator",
        "oversight": "oversight-events",
        "advisories": "advisories",
        "looks": "looks",
    }
)
"""What the facts of each function of the map rest on: a need of `proof.py`."""


@dataclass(frozen=True, slots=True)
class SentenceBlock:
    """A sentence by itself."""

    sentence: MarkedSentence
    kind: str = "sentence"


@dataclass(frozen=True, slots=True)
class TableBlock:
    """A table, and how its facts are known."""

    heads: tuple[str, ...]
    rows: tuple[tuple[tuple[Piece, ...], ...], ...]
    source: MarkedSentence
    kind: str = "table"


@dataclass(frozen=True, slots=True)
class CommandBlock:
    """Lines to type."""

    lines: tuple[str, ...]
    kind: str = "commands"


@dataclass(frozen=True, slots=True)
class QuoteBlock:
    """A text by a person, verbatim, by paragraphs."""

    mark: Mark
    paragraphs: tuple[str, ...]
    anchors: tuple[str, ...]
    kind: str = "quote"


@dataclass(frozen=True, slots=True)
class PlotBlock:
    """A plot with its words."""

    name: str
    plot: ReportPlot
    kind: str = "plot"


@dataclass(frozen=True, slots=True)
class SeeBlock:
    """Facts that stand under another number."""

    number: str
    title: str
    kind: str = "see"


PrintedBlock = SentenceBlock | TableBlock | CommandBlock | QuoteBlock | PlotBlock | SeeBlock


@dataclass(frozen=True, slots=True)
class PrintedField:
    """One field as it is printed."""

    number: str
    title: str
    status: Status
    mark: Mark
    law: str
    blocks: tuple[PrintedBlock, ...]


@dataclass(frozen=True, slots=True)
class PrintedSection:
    """A section with its fields."""

    number: str
    title: str
    fields: tuple[PrintedField, ...]


@dataclass(frozen=True, slots=True)
class StatusCount:
    """How many fields have a status, and what it means."""

    status: Status
    mark: Mark
    count: int
    meaning: str


@dataclass(frozen=True, slots=True)
class PrintedReport:
    """The whole document."""

    title: str
    digest: str
    as_of: str
    law: str
    front: FrontPage
    counts: tuple[StatusCount, ...]
    gaps: tuple[tuple[str, tuple[GapLine, ...]], ...]
    """Every gap by status."""
    sections: tuple[PrintedSection, ...]
    records: tuple[CitedRecord, ...]
    made_from: tuple[tuple[str, str], ...]


def printed(document: Report, bundle: EvidenceBundle) -> PrintedReport:
    """Return the document of a report on this bundle."""
    index = record_index(bundle, document.bundle)
    printer = _Printer(document, bundle, index, plots_of(bundle))
    return PrintedReport(
        title=f"Technical documentation of {document.model}",
        digest=document.digest,
        as_of=document.as_of,
        law=document.law,
        front=front_page(document, bundle, index),
        counts=tuple(
            StatusCount(status, MARK_OF[status], document.counts.get(status, 0), MEANING[status])
            for status in reversed(ORDER)
        ),
        gaps=tuple(_gaps(document)),
        sections=tuple(printer.sections()),
        records=index.records,
        made_from=(
            ("Bundle", document.bundle),
            ("Law as read", law_as_read(document)),
            ("Map from law to evidence", document.map_digest),
            ("Generator", document.generator),
        ),
    )


def _gaps(document: Report) -> Iterator[tuple[str, tuple[GapLine, ...]]]:
    for status in GAPS:
        lines = tuple(
            GapLine(field.number, field.title, "; ".join(_why(field)))
            for field in document.fields
            if field.status == status
        )
        if lines:
            yield status, lines


def _why(field: Field) -> tuple[str, ...]:
    notes = tuple(each.note for each in field.proofs if each.status == field.status)
    return (*field.contradictions, *(each for each in notes if each not in field.contradictions))


@dataclass(frozen=True, slots=True)
class _Printer:
    document: Report
    bundle: EvidenceBundle
    index: RecordIndex
    plots: Mapping[str, tuple[ReportPlot, ...]]

    def sections(self) -> Iterator[PrintedSection]:
        """Yield every section with its fields."""
        where = places(self.document)
        for number, title in self.document.sections.items():
            fields = [
                self._field(each, where)
                for each in self.document.fields
                if each.number.partition(".")[0] == number and each.number != "0.1"
            ]
            yield PrintedSection(number, title, tuple(fields))

    def _field(self, field: Field, where: Mapping[str, Field]) -> PrintedField:
        return PrintedField(
            field.number,
            field.title,
            field.status,
            MARK_OF[field.status],
            ", ".join(field.law),
            tuple(self._blocks(field, where)),
        )

    def _blocks(self, field: Field, where: Mapping[str, Field]) -> Iterator[PrintedBlock]:
        for message in field.contradictions:
            yield from self._sentences(message, "contradicted", ())
        for proof in field.proofs:
            yield from self._sentences(
                _sentence(proof), MARK_OF[proof.status], self._anchors(proof)
            )
        for facts in field.facts:
            place = where[facts.show]
            if place.number != field.number:
                yield SeeBlock(place.number, place.title)
                continue
            for number, plot in enumerate(self.plots.get(facts.show, ())):
                yield PlotBlock(f"plot-{facts.show}-{number}", plot)
            for block in facts.blocks:
                yield from self._printed(block, BASES[facts.show])
        for proof in field.proofs:
            if proof.text:
                mark = MARK_OF[proof.status]
                parts = tuple(each for each in proof.text.split("\n\n") if each.strip())
                yield QuoteBlock(mark, parts, self._anchors(proof))

    def _printed(self, block: Block, basis: str) -> Iterator[PrintedBlock]:
        mark, anchors = self._known(basis)
        match block:
            case Paragraph(text=text, basis=own):
                yield from self._sentences(text, *(self._known(own) if own else (mark, anchors)))
            case Bullets(items=items):
                for item in items:
                    yield from self._sentences(item, mark, anchors)
            case CommandLines(lines=lines):
                yield CommandBlock(lines)
            case FactTable(heads=heads, rows=rows):
                source = MarkedSentence(mark, (), anchors[:3])
                yield TableBlock(heads, tuple(map(self._row, rows)), source)

    def _row(self, row: Sequence[str]) -> tuple[tuple[Piece, ...], ...]:
        return tuple(tuple(pieces_of(cell, self.index)) for cell in row)

    def _known(self, need: str) -> tuple[Mark, tuple[str, ...]]:
        """Return how a need is known, and the records that it rests on."""
        if need == "unknown":
            return "unknown", ()
        proof = prove_need(self.bundle, need)
        mark = MARK_OF[proof.status]
        return mark, self._anchors(proof)

    def _anchors(self, proof: Proof) -> tuple[str, ...]:
        return self.index.anchors(proof.need)

    def _sentences(
        self, text: str, mark: Mark, anchors: tuple[str, ...]
    ) -> Iterator[SentenceBlock]:
        for sentence in marked_sentences(text, mark, anchors, self.index):
            yield SentenceBlock(sentence)


def _sentence(proof: Proof) -> str:
    """Return the note of a proof as a sentence. It keeps the name of a file that it begins with."""
    first = proof.note.partition(" ")[0]
    is_name = bool(re.search(r"[./#_]", first.rstrip(".:,")))
    text = proof.note if is_name else proof.note[:1].upper() + proof.note[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
