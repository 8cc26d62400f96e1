"""Page one of the report: what is so now, what is missing and asked for, what is contradicted.

Everything here is short and links to the field that says more. What cannot be known is said so.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from goldenpath.audit.advisories.severity_limits import LIMITS
from goldenpath.audit.events.event import Event
from goldenpath.audit.report.evidence_bundle import EvidenceBundle, NotedAdvisory
from goldenpath.audit.report.open_matters import (
    advisory_state,
    is_recent,
    last_scan,
    unused_waivers,
    waived,
    waiver_text,
)
from goldenpath.audit.report.printing.cited_records import COMMITS, EVENTS, RecordIndex
from goldenpath.audit.report.printing.marked_sentences import (
    Mark,
    MarkedSentence,
    marked_sentences,
)
from goldenpath.audit.report.proof import STATEMENTS, Proof, Status
from goldenpath.audit.report.report import Field, Report, unshown
from goldenpath.audit.report.texts import declared_tier, is_demanded
from goldenpath.audit.timeline.live import live_at
from goldenpath.audit.timeline.live_model import TrafficShare
from goldenpath.canonical import parse_object
from goldenpath.errors import InvalidInput
from goldenpath.release.attest.statement import DECISION, EVIDENCE, SIGNED, text_member

MOST_LINES = 7
"""Lines of a list on page one; the whole list follows after it."""
_COUNTED: tuple[Status, ...] = ("PROVEN", "OBSERVED", "DECLARED", "MISSING", "CONTRADICTED")


@dataclass(frozen=True, slots=True)
class Tile:
    """One question of page one with its answers."""

    title: str
    sentences: tuple[MarkedSentence, ...]


@dataclass(frozen=True, slots=True)
class GapLine:
    """One field that is missing or contradicted, in a line that links to it."""

    number: str
    title: str
    why: str


@dataclass(frozen=True, slots=True)
class GapList:
    """The fields of one kind of gap: the first ones, and how many more there are."""

    title: str
    lines: tuple[GapLine, ...]
    more: int
    none: str
    """What to say if there is no line."""


@dataclass(frozen=True, slots=True)
class FrontPage:
    """What fits on one screen."""

    tiles: tuple[Tile, ...]
    gaps: tuple[GapList, ...]
    not_asked: int
    """Missing fields that the tier of the release does not ask for."""


def front_page(document: Report, bundle: EvidenceBundle, index: RecordIndex) -> FrontPage:
    """Return page one."""
    missing = [each for each in document.fields if each.status == "MISSING"]
    asked = [each for each in missing if _is_asked(bundle, each)]
    against = tuple(_against(document))
    tiles = (
        Tile("State", tuple(_state(document, bundle, index))),
        Tile("Live share", tuple(_live(bundle, index))),
        Tile("Open findings", tuple(_findings(bundle, index))),
        Tile("Known vulnerabilities", tuple(_advisories(bundle, index))),
        Tile("Waivers", tuple(_waivers(bundle, index))),
        Tile("Last incident", tuple(_incident(bundle, index))),
    )
    tier = declared_tier(bundle)
    asked_for = f"asked for by the tier {tier}" if tier else "asked for (no tier is declared)"
    gaps = (
        _list("Contradicted, damaged or gone", against, "no contradiction was found"),
        _list(f"Missing, and {asked_for}", [_missing(each) for each in asked], "nothing"),
    )
    return FrontPage(tiles, gaps, len(missing) - len(asked))


def _list(title: str, lines: Sequence[GapLine], none: str) -> GapList:
    shown = tuple(lines[:MOST_LINES])
    return GapList(f"{title}: {len(lines)}", shown, len(lines) - len(shown), none)


def _missing(field: Field) -> GapLine:
    why = [each.note for each in field.proofs if each.status == "MISSING"]
    return GapLine(field.number, field.title, "; ".join(why))


def _against(document: Report) -> Iterator[GapLine]:
    """Yield every lost record and every contradiction, also one that no field of the map shows."""
    for record in document.lost:
        yield GapLine("", "a record is damaged or gone", record)
    for field in document.fields:
        if field.status == "CONTRADICTED":
            notes = [each.note for each in field.proofs if each.status == "CONTRADICTED"]
            yield GapLine(field.number, field.title, "; ".join((*field.contradictions, *notes)))
    for message in unshown(document):
        if message not in document.lost:
            yield GapLine("", "outside of these rows", message)


def _is_asked(bundle: EvidenceBundle, field: Field) -> bool:
    return any(_is_demanded(bundle, each) for each in field.proofs if each.status == "MISSING")


def _is_demanded(bundle: EvidenceBundle, proof: Proof) -> bool:
    """Whether the tier asks for what is missing. An unknown tier asks for everything."""
    if declared_tier(bundle) in ("", "high"):
        return True
    if proof.need in STATEMENTS:
        return STATEMENTS[proof.need][0] in (*EVIDENCE, SIGNED)
    is_text = "." in proof.need or "/" in proof.need
    return is_text and is_demanded(bundle, proof.need) is not False


def _state(
    document: Report, bundle: EvidenceBundle, index: RecordIndex
) -> Iterator[MarkedSentence]:
    last = {each.stage: each for each in bundle.history}
    placed = [
        f"{stage} ({slot.percent} %)"
        for stage, intent in last.items()
        for slot in intent.slots
        if slot.digest == bundle.digest
    ]
    where = f"placed in {', '.join(placed)}" if placed else "placed in no stage"
    mark: Mark = "verified" if all(each.signer for each in last.values()) else "contradicted"
    yield from marked_sentences(
        f"Release {bundle.digest}: {where}.", mark if last else "unknown", (COMMITS,), index
    )
    failed = [each for each in bundle.verified.findings if each.status == "fail"]
    if failed:
        text = f"{len(failed)} checks of the verifier failed."
        yield from marked_sentences(text, "contradicted", index.anchors("signature"), index)
    elif bundle.is_signed:
        text = "Every check of the verifier passed."
        yield from marked_sentences(text, "verified", index.anchors("signature"), index)
    else:
        yield from marked_sentences("The release is not verified.", "unknown", (), index)
    counts = document.counts
    named = ", ".join(
        f"{counts[status]} {status.lower()}" for status in _COUNTED if counts.get(status)
    )
    text = f"{sum(counts.values())} fields: {named}."
    yield from marked_sentences(text, "generated", index.anchors("generator"), index)


def _live(bundle: EvidenceBundle, index: RecordIndex) -> Iterator[MarkedSentence]:
    moment = datetime.fromisoformat(bundle.as_of)
    for model in live_at(bundle.history, bundle.events, moment, logs=bundle.logs):
        for share in model.shares:
            if model.model == bundle.model and share.digest == bundle.digest.text:
                yield from _share(model.stage, share, index)
    if bundle.logs.events.faults:
        text = "Which share is live is not known: the audit log is damaged or gone."
        yield from marked_sentences(text, "contradicted", (EVENTS,), index)
    elif not any(each.digest == bundle.digest.text for each in bundle.events):
        text = "No server of this release was ever observed."
        yield from marked_sentences(text, "unknown", (EVENTS,), index)


def _share(stage: str, share: TrafficShare, index: RecordIndex) -> Iterator[MarkedSentence]:
    routed = "no route observed" if share.observed is None else f"{share.observed} % observed"
    servers = "1 server" if share.replicas == 1 else f"{share.replicas} servers"
    text = f"In {stage}: {routed}, {servers}, {share.certainty}."
    mark: Mark = "observed" if share.certainty == "certain" else "unknown"
    yield from marked_sentences(text, mark, (EVENTS,), index)
    if share.intended is not None:
        text = f"In git: {share.intended} %."
        yield from marked_sentences(text, "verified", (COMMITS,), index)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def open_alarms(bundle: EvidenceBundle) -> tuple[Event, ...]:
    """Return the drift alarms of the release that nothing later ended, the oldest first."""
    ended = {each.finding: each.time for each in bundle.ends if not each.fault}
    alarms: dict[str, Event] = {}
    for event in bundle.events:
        if event.digest == bundle.digest.text and event.kind == "drift.alarm":
            name = str((event.details or {}).get("finding") or event.time)
            if ended.get(name, "") < event.time:
                alarms[name] = event
    return tuple(alarms.values())


def _findings(bundle: EvidenceBundle, index: RecordIndex) -> Iterator[MarkedSentence]:
    if bundle.logs.events.faults or bundle.logs.events.standing == "never begun":
        text = f"Not known: the audit log is {bundle.logs.events.standing}."
        mark: Mark = "contradicted" if bundle.logs.events.faults else "unknown"
        yield from marked_sentences(text, mark, (EVENTS,), index)
        return
    alarms = open_alarms(bundle)
    for event in alarms[-2:]:
        what = str((event.details or {}).get("sentence", "drift"))
        text = f"{_capital(what)}, in {event.stage} since {event.time[:19]}Z."
        yield from marked_sentences(text, "observed", (EVENTS,), index)
    number = len(alarms)
    text = "1 drift finding is open." if number == 1 else f"{number} drift findings are open."
    yield from marked_sentences(text, "observed", (EVENTS,), index)
    for end in [each for each in bundle.ends if each.fault][-1:]:
        text = f"A closing of {end.finding} by {end.by} does not count: {end.fault}."
        yield from marked_sentences(text, "contradicted", (EVENTS,), index)


def _advisories(bundle: EvidenceBundle, index: RecordIndex) -> Iterator[MarkedSentence]:
    """The worst open advisory, the open ones by severity, VEX statements, and the last scan."""
    log, scan = bundle.logs.events, last_scan(bundle)
    for each in [each for each in bundle.advisories if each.is_open][:1]:
        text = (
            f"{_capital(each.sentence)}, in {each.stage} since {each.since[:10]}; owner "
            f"{each.owner or 'nobody named'}, limit {each.due[:10]}; {advisory_state(each)}."
        )
        yield from marked_sentences(text, "observed", (EVENTS,), index)
    if log.faults or log.standing != "whole":
        mark: Mark = "contradicted" if log.faults else "unknown"
        text = f"Not known: the audit log is {log.standing}."
        yield from marked_sentences(text, mark, (EVENTS,), index)
    elif is_recent(scan, bundle.as_of):
        text = f"{_by_severity(bundle.advisories)}, by the comparison of {scan[:19]}Z."
        yield from marked_sentences(text, "observed", (EVENTS,), index)
    else:
        last = f"since {scan[:19]}Z" if scan else "ever"
        text = f"Not known: what is live was not compared with advisories {last}."
        yield from marked_sentences(text, "unknown", (EVENTS,), index)
    for each in [each for each in bundle.advisories if not each.is_open][:2]:
        text = f"{_capital(each.sentence)}: {advisory_state(each)}."
        yield from marked_sentences(text, "verified", index.anchors("vex"), index)


def _by_severity(advisories: Sequence[NotedAdvisory]) -> str:
    open_ones = [each for each in advisories if each.is_open]
    if not open_ones:
        return "No advisory is open"
    by_severity = Counter(each.severity for each in open_ones)
    counts = ", ".join(f"{by_severity[band]} {band}" for band in LIMITS if by_severity[band])
    late = sum(each.is_overdue for each in open_ones)
    return f"{len(open_ones)} open ({counts}), {late} beyond the limit"


def _waivers(bundle: EvidenceBundle, index: RecordIndex) -> Iterator[MarkedSentence]:
    """What decisions let pass by a waiver, and waivers that no decision has used."""
    decisions = bundle.of_type(DECISION)
    texts = [
        f"In {text_member(dict(each.statement.predicate), 'stage')}: {finding.get('check')} was "
        f"waived, {finding.get('message')}."
        for each in decisions
        for finding in waived(each.statement.predicate)
    ]
    unused = [
        f"{_capital(waiver_text(each))}; no decision used it." for each in unused_waivers(bundle)
    ]
    shown = (*texts, *unused)
    for text in shown[:MOST_LINES]:
        yield from marked_sentences(text, "waived", index.anchors("decision"), index)
    if len(shown) > MOST_LINES:
        text = f"{len(shown) - MOST_LINES} more, in the field on waivers."
        yield from marked_sentences(text, "generated", index.anchors("generator"), index)
    if not shown and decisions:
        text = "No decision about this release relied on a waiver."
        yield from marked_sentences(text, "verified", index.anchors("decision"), index)
    elif not shown:
        yield from marked_sentences("Not known: no decision is attached.", "unknown", (), index)


def _incident(bundle: EvidenceBundle, index: RecordIndex) -> Iterator[MarkedSentence]:
    opened = [each for each in bundle.events if each.kind == "incident.opened"]
    if not opened:
        log = bundle.logs.events
        is_known = log.standing == "whole"
        text = "No incident was opened." if is_known else f"Not known: the log is {log.standing}."
        mark: Mark = "contradicted" if log.faults else "observed" if is_known else "unknown"
        yield from marked_sentences(text, mark, (EVENTS,), index)
        return
    last = opened[-1]
    name = (last.details or {}).get("incident")
    closed = [
        each
        for each in bundle.events
        if each.kind == "incident.closed" and (each.details or {}).get("incident") == name
    ]
    state = f"closed at {closed[-1].time[:19]}Z" if closed else "still open"
    text = f"{_title(last)}, opened at {last.time[:19]}Z by {last.actor}, {state}."
    yield from marked_sentences(_capital(text), "observed", (EVENTS,), index)


def _title(event: Event) -> str:
    try:
        text = parse_object(str((event.details or {}).get("statement", "")).encode(), "it")["text"]
    except (InvalidInput, KeyError):
        return "an incident without a readable statement"
    return str(text)
