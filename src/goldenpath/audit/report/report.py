"""The technical documentation of a release: gaps first, then the sections of Annex IV.

A pure function of the bundle and the map: the same inputs give the same bytes. A text that nobody
wrote is shown as missing under its heading. The report never replaces it with generated text.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from goldenpath.audit.report.blocks import Blocks
from goldenpath.audit.report.contradictions import Contradiction, contradictions
from goldenpath.audit.report.control_map import Control, ControlMap, Source
from goldenpath.audit.report.describe import DESCRIBE
from goldenpath.audit.report.evidence_bundle import EvidenceBundle
from goldenpath.audit.report.lost_records import lost_records
from goldenpath.audit.report.markdown import Lines, as_markdown, cell, quote, rows
from goldenpath.audit.report.narrate import NARRATE
from goldenpath.audit.report.open_matters import MATTERS, waived
from goldenpath.audit.report.proof import MEANING, ORDER, Proof, Status, prove, worst
from goldenpath.canonical import canonical_json
from goldenpath.digest import Digest
from goldenpath.release.attest.statement import DECISION

ReportFormat = Literal["html", "md", "json", "pdf"]

_SHOW: Mapping[str, Callable[[EvidenceBundle], Blocks]] = {**DESCRIBE, **NARRATE, **MATTERS}

GAPS: tuple[Status, ...] = ("CONTRADICTED", "MISSING", "STALE", "WAIVED")
"""The statuses that the first page lists field by field."""


@dataclass(frozen=True, slots=True)
class ShownFacts:
    """What one function of the map shows. Fields that name the same one show the same facts."""

    show: str
    blocks: Blocks


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the report, with its status and content."""

    number: str
    title: str
    source: Source
    law: tuple[str, ...]
    status: Status
    proofs: tuple[Proof, ...]
    contradictions: tuple[str, ...]
    shown: Lines
    """Facts and tables as lines of Markdown."""
    facts: tuple[ShownFacts, ...] = ()
    """The same facts, in no markup."""


@dataclass(frozen=True, slots=True)
class Report:
    """The whole report, before it is rendered."""

    digest: str
    model: str
    as_of: str
    bundle: str
    """Digest of everything that the report depends on: the evidence and the maps."""
    celex: str
    law: str
    map_digest: str
    generator: str
    counts: Mapping[str, int]
    contradictions: tuple[Contradiction, ...]
    lost: tuple[str, ...]
    """Records that are damaged or gone."""
    sections: Mapping[str, str]
    fields: tuple[Field, ...]
    profile: str = "ai-act"
    """The order and the rows: those of the map, or of a profile."""

    def field(self, number: str) -> Field:
        """Return the field with that number."""
        return next(each for each in self.fields if each.number == number)


def report(bundle: EvidenceBundle, controls: ControlMap) -> Report:
    """Return the report on the bundle with this map."""
    contradicted = (*contradictions(bundle), *lost_records(bundle))
    fields = tuple(_field(bundle, control, contradicted) for control in controls.fields)
    counted = Counter(each.status for each in fields)
    return Report(
        digest=bundle.digest.text,
        model=bundle.model,
        as_of=bundle.as_of,
        bundle=inputs_digest(bundle, controls.digest).text,
        celex=controls.celex,
        law=controls.law,
        map_digest=controls.digest.text,
        generator=bundle.generator,
        counts={status: counted[status] for status in reversed(ORDER)},
        contradictions=contradicted,
        lost=(*bundle.logs.faults, *(each.message for each in bundle.lost)),
        sections=controls.sections,
        fields=fields,
    )


def inputs_digest(bundle: EvidenceBundle, *maps: Digest) -> Digest:
    """Return the digest over the evidence and the maps by which it is ordered."""
    value = {"evidence": bundle.root.text, "maps": [each.text for each in maps]}
    return Digest.of(canonical_json(value))


def unshown(document: Report) -> tuple[str, ...]:
    """Return the contradictions that no field shows: a profile may have fewer rows."""
    shown = {message for field in document.fields for message in field.contradictions}
    listed = (each.message for each in document.contradictions)
    return tuple(dict.fromkeys(each for each in listed if each not in shown))


def _field(
    bundle: EvidenceBundle, control: Control, contradicted: tuple[Contradiction, ...]
) -> Field:
    proofs = prove(bundle, control)
    against = tuple(
        each.message for each in contradicted if each.concerns(control.number, control.needs)
    )
    status: Status = "CONTRADICTED" if against else worst(proofs)
    if control.number == "6.4" and status == "PROVEN" and _has_waiver(bundle):
        status = "WAIVED"
    blocks = _SHOW[control.show](bundle) if control.show else ()
    return Field(
        number=control.number,
        title=control.title,
        source=control.source,
        law=control.law,
        status=status,
        proofs=proofs,
        contradictions=against,
        shown=as_markdown(blocks),
        facts=(ShownFacts(control.show, blocks),) if blocks else (),
    )


def _has_waiver(bundle: EvidenceBundle) -> bool:
    return any(waived(each.statement.predicate) for each in bundle.of_type(DECISION))


_PLACES: Mapping[str, str] = {
    "metrics": "2.23", "groups": "2.24", "inputs": "3.6", "log-state": "10.1", "identity": "0.2",
}  # fmt: skip
"""Where facts belong best that stand under several numbers; otherwise the first of these."""


def places(document: Report) -> Mapping[str, Field]:
    """Return the field in which the facts of each function stand; the others link there."""
    found: dict[str, Field] = {}
    for field in document.fields:
        for facts in field.facts:
            if facts.show not in found or field.number == _PLACES.get(facts.show):
                found[facts.show] = field
    return found


def render_markdown(document: Report, page_one: Lines = ()) -> str:
    """Return the report as Markdown, each table once. `page_one` stands below the title."""
    where = places(document)
    lines = [*_front(document, page_one, where)]
    for number, title in document.sections.items():
        if number == "0":
            continue
        lines += [f"## {number} {title}", ""]
        for field in document.fields:
            if field.number.partition(".")[0] == number:
                lines += _rendered(field, where)
    return "\n".join(lines).rstrip() + "\n"


def _front(document: Report, page_one: Lines, where: Mapping[str, Field]) -> Iterator[str]:
    yield f"# Technical documentation of {cell(document.model)}"
    yield ""
    yield f"Release {document.digest}, as of {document.as_of}."
    yield ""
    yield from page_one
    yield "## 0 What is missing, and what this report is"
    yield ""
    yield from rows(
        ("Status", "Fields", "Meaning"),
        ((status, count, MEANING[_status(status)]) for status, count in document.counts.items()),
    )
    yield ""
    if document.lost:
        yield "**RECORDS THAT ARE DAMAGED OR GONE**"
        yield ""
        yield from (f"- {cell(each)}" for each in document.lost)
        yield ""
    for status in GAPS:
        fields = [each for each in document.fields if each.status == status]
        if fields:
            yield f"**{status}**"
            yield ""
            for field in fields:
                yield f"- {field.number} {field.title}: {'; '.join(cell(w) for w in _why(field))}"
            yield ""
    others = tuple(each for each in unshown(document) if each not in document.lost)
    if others:
        yield "**CONTRADICTED, outside of these rows**"
        yield ""
        yield from (f"- {cell(each)}" for each in others)
        yield ""
    for field in document.fields:
        if field.number.startswith("0.") and field.number != "0.1":
            yield from _rendered(field, where)
    yield from rows(
        ("Made from", ""),
        (
            ("Bundle", document.bundle),
            ("Law as read", law_as_read(document)),
            ("Map from law to evidence", document.map_digest),
            ("Generator", document.generator),
        ),
    )
    yield ""


def law_as_read(document: Report) -> str:
    """Return the text that the order and the rows follow."""
    return f"{document.law}, CELEX {document.celex}" if document.celex else document.law


def _status(text: str) -> Status:
    return next(each for each in ORDER if each == text)


def _why(field: Field) -> tuple[str, ...]:
    """Return the causes of a gap: contradictions, or else the needs with the field's status."""
    if field.contradictions:
        return field.contradictions
    return tuple(proof.note for proof in field.proofs if proof.status == field.status)


def _rendered(field: Field, where: Mapping[str, Field]) -> Iterator[str]:
    law = f" ({', '.join(field.law)})" if field.law else ""
    yield f"### {field.number} {field.title}"
    yield ""
    yield f"**{field.status}**{law}"
    yield ""
    for message in field.contradictions:
        yield f"- CONTRADICTED: {cell(message)}"
    for proof in field.proofs:
        yield f"- {proof.status}: {cell(proof.note)}"
    yield ""
    for facts in field.facts:
        place = where[facts.show]
        if place.number == field.number:
            yield from as_markdown(facts.blocks)
        else:
            yield f"The facts stand under {place.number} {place.title}."
        yield ""
    for proof in field.proofs:
        if proof.text:
            yield from quote(proof.text)
            yield ""
