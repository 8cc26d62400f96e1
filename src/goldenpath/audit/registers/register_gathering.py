"""Reads what the register of systems is made of: git, statements, findings and events."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta

from goldenpath.audit.advisories.advisory_findings import VexDesk, with_vex
from goldenpath.audit.alarms.alarm_source import AlarmSource
from goldenpath.audit.alarms.closing import listed
from goldenpath.audit.answers.oversight_counts import oversight_between
from goldenpath.audit.events.chain import Break
from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.audit.registers.affected import AffectedRegister, affected_releases
from goldenpath.audit.registers.bill_of_materials import PartQuery
from goldenpath.audit.registers.known_releases import known_releases
from goldenpath.audit.registers.oversight import BEYOND as BEYOND_OVERSIGHT
from goldenpath.audit.registers.oversight import OversightRegister, overseen, stops
from goldenpath.audit.registers.signed_records import SignedRecords
from goldenpath.audit.registers.system_declaration import read_declaration
from goldenpath.audit.registers.system_findings import (
    OpenFinding,
    findings_of_commits,
    findings_of_monitors,
    findings_of_reviews,
    findings_of_waiver,
)
from goldenpath.audit.registers.system_register import SystemRegister, systems
from goldenpath.audit.registers.waiver_register import (
    RecordedWaiver,
    WaiverRegister,
    ordered,
    waivers_of,
)
from goldenpath.audit.timeline.live_model import Intent
from goldenpath.audit.timeline.moment import show_moment
from goldenpath.audit.timeline.signed_approvals import SignedApprovals
from goldenpath.errors import GoldenPathError
from goldenpath.home import Home
from goldenpath.promote.workspace.release_reader import read_parts

BEYOND = (
    "systems that no commit of this platform placed, and what others do with the answers",
    "whether tier and owner are right: they are words of people, inside a signed release",
)


def gather_register(records: SignedRecords, home: Home, model: str | None = None) -> SystemRegister:
    """Return the register of a platform at the moment of the records."""
    history, unknown = records.history(model), [*BEYOND]
    findings = [
        *_of_commits(records, history),
        *_ended_waivers(records, history),
        *_ended_reviews(records, history),
        *_of_monitors(records, home, unknown),
    ]
    by_model: dict[str, list[OpenFinding]] = {}
    for finding in findings:
        by_model.setdefault(finding.model, []).append(finding)
    listed_systems = systems(
        history, records.platform(), lambda digest: read_declaration(records, digest), by_model
    )
    unknown += _unregistered(records, home, history, model)
    if records.trusted.time_note:
        unknown.append(records.trusted.time_note)
    return SystemRegister(records.moment, records.trusted.commit, listed_systems, tuple(unknown))


def gather_waivers(records: SignedRecords, home: Home, model: str | None = None) -> WaiverRegister:
    """Return every waiver about a release that the platform knows, of one model or of all."""
    history, platform = records.history(), records.platform()
    known = known_releases(records, history, home)
    waivers: list[RecordedWaiver] = []
    unknown = [*known.unknown]
    for digest in known.digests:
        try:
            verified = records.statements(digest)
        except GoldenPathError as error:
            unknown.append(f"the waivers of {digest} cannot be read: {error.message}")
            continue
        waivers += waivers_of(verified, platform, history, records.moment)
    wanted = (each for each in waivers if model in (None, each.model))
    return WaiverRegister(records.moment, ordered(wanted), tuple(unknown))


def _ended_waivers(records: SignedRecords, history: Sequence[Intent]) -> Iterator[OpenFinding]:
    """Yield each waiver that has ended while a release is live that relied on it."""
    live = {slot.digest for each in _in_force(history) for slot in each.slots}
    platform = records.platform()
    for digest in sorted(live):
        with suppress(GoldenPathError):  # named by `_of_commits`, which asks for the approvals
            waivers = waivers_of(records.statements(digest), platform, history, records.moment)
            for waiver in waivers:
                yield from findings_of_waiver(waiver)


def _ended_reviews(records: SignedRecords, history: Sequence[Intent]) -> Iterator[OpenFinding]:
    """Yield each text of a live release that was to be reviewed by now."""
    for intent in _in_force(history):
        for slot in intent.slots:
            with suppress(GoldenPathError):  # the declaration of its system says that it is gone
                parts = read_parts(records.open_store(), slot.digest)
                yield from findings_of_reviews(intent, slot.digest, parts.documents, records.moment)


def _of_commits(records: SignedRecords, history: Sequence[Intent]) -> Iterator[OpenFinding]:
    approve = SignedApprovals(records.repository, records.statements)
    return findings_of_commits(map(approve, _in_force(history)), records.moment)


def _in_force(history: Sequence[Intent]) -> tuple[Intent, ...]:
    """Return the last commit about each model in each stage."""
    return tuple({(intent.stage, intent.model): intent for intent in history}.values())


def _of_monitors(records: SignedRecords, home: Home, unknown: list[str]) -> Iterator[OpenFinding]:
    """Return the open findings of monitors; what cannot be read is added to `unknown`."""
    known = tuple(AlarmSource(home, unknown.append).findings().values())
    people = records.trusted.platform.people
    desk = VexDesk(records.trusted.platform, records.statements, records.moment)
    all_listed = [with_vex(listed(home.findings, each, people), desk) for each in known]
    unbelieved = [each.finding.id for each in all_listed if each.fault]
    closed = {each.finding.id for each in all_listed if each.closed_until}
    still = [each for each in known if each.id not in closed]
    return findings_of_monitors(still, unbelieved, records.moment)


def _unregistered(
    records: SignedRecords, home: Home, history: Sequence[Intent], model: str | None
) -> Iterator[str]:
    """Yield each model that ran on this machine without a commit, and each gap in its events."""
    placed = {(intent.stage, intent.model) for intent in history if intent.slots}
    until = show_moment(records.moment)
    strange: dict[tuple[str, str], str] = {}
    for line in EventLog(home.events).links():
        if isinstance(line, Break):
            yield line.message
            continue
        event = line.event
        name = (event.stage, event.model)
        is_asked = model in (None, event.model) and event.time[:19] <= until[:19]
        if event.kind == "server.ready" and is_asked and name not in placed:
            strange.setdefault(name, event.time)
    for (stage, name_of_model), time in sorted(strange.items()):
        yield f"{stage}/{name_of_model} ran on this machine at {time}, but no commit had placed it"


def gather_affected(records: SignedRecords, home: Home, query: PartQuery) -> AffectedRegister:
    """Return which of the releases that the platform knows contain a part."""
    history = records.history()
    known = known_releases(records, history, home)
    answers = affected_releases(
        query, known.digests, records.statements, history, platform=records.platform()
    )
    return AffectedRegister(
        records.moment,
        query.text,
        tuple(each for each in answers if each.parts),
        tuple(each for each in answers if each.unknown),
        tuple(each.release for each in answers if not each.parts and not each.unknown),
        known.unknown,
        tuple(_not_compared(query)),
    )


def _not_compared(query: PartQuery) -> Iterator[str]:
    yield "images that containers run in, and the machines themselves: they have bills of their own"
    if query.advisories is not None:
        count, digest = query.advisories.count, query.advisories.digest
        yield f"advisories beyond the {count} of the folder with the digest {digest}"
        yield "parts of other kinds than Python packages: the advisories are compared with none"


def gather_oversight(
    records: SignedRecords, home: Home, period: timedelta, model: str | None = None
) -> OversightRegister:
    """Return oversight as practised in a period that ends at the moment of the records."""
    since, until = records.moment - period, records.moment
    counts = oversight_between(home, since, until)
    events: list[Event] = []
    unknown = [*BEYOND_OVERSIGHT, *counts.unknown]
    for line in EventLog(home.events).links():
        if isinstance(line, Break):
            unknown.append(line.message)
        else:
            events.append(line.event)
    return OversightRegister(
        since,
        until,
        tuple(each for each in overseen(counts) if model in (None, each.model)),
        stops(records.history(model), events, since, until),
        "not known",
        tuple(unknown),
    )
