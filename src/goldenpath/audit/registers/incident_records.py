"""Incidents as signed events of the audit log: written by listed persons, read with their faults.

A step counts only if the person whom it names signed it and was listed then. One that is not
believed is shown with its fault: nothing is left out, and it stops no clock.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from goldenpath.audit.alarms.closing import was_listed
from goldenpath.audit.events.event import Event, Kind
from goldenpath.audit.events.signed_event import ALTERED, signed_statement, unlisted
from goldenpath.audit.registers.incident import (
    Incident,
    IncidentAction,
    IncidentStep,
    clocks,
    duty_of,
)
from goldenpath.canonical import JsonValue, canonical_json
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.parsers.shown_text import plain_line
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.identity import Identity, require_listed, signing_person
from goldenpath.release.attest.policy import Person
from goldenpath.times import timestamp

NAMESPACE = "goldenpath-incident"
"""Namespace of the signature, so that it counts for nothing else."""
MOST_TEXT = 2_000
_ACTIONS: Mapping[Kind, IncidentAction] = {
    "incident.opened": "opened",
    "incident.reported": "reported",
    "incident.closed": "closed",
}
KINDS: Mapping[str, Kind] = {action: kind for kind, action in _ACTIONS.items()}
_CORRECTIVE = (
    "drift.alarm", "drift.closed", "platform.alarm", "rollout.held", "rollout.resumed",
    "rollout.rolled-back", "release.promoted", "release.retired", "route.changed",
)  # fmt: skip
"""Events that say what was noticed and done about a model."""
_BEFORE = timedelta(days=1)
"""How long before awareness such an event belongs to an incident."""


class IncidentStatement(msgspec.Struct, frozen=True, rename="camel"):
    """What a person signs about an incident."""

    incident: str
    action: str
    time: str
    by: str
    text: str
    """The title, the duty that was reported, or the reason of the closing."""
    stage: str = ""
    model: str = ""
    finding: str = ""
    aware_at: str = ""
    classified_at: str = ""
    version: int = 1

    @property
    def message(self) -> bytes:
        """The bytes that are signed."""
        return canonical_json(msgspec.to_builtins(self))


@dataclass(frozen=True, slots=True)
class IncidentOpening:
    """What is known when an incident is opened."""

    title: str
    aware_at: datetime
    classified_at: datetime | None = None
    stage: str = ""
    model: str = ""
    finding: str = ""


@dataclass(frozen=True, slots=True)
class IncidentDesk:
    """Who acts on incidents, and where the events go."""

    acting: Identity
    platform: Platform
    now: datetime
    append: Callable[[Event], object]


def open_incident(desk: IncidentDesk, opening: IncidentOpening) -> str:
    """Open an incident by a signed event, and return its id. Raises `InvalidInput`."""
    title = _one_line(opening.title, "a title")
    if opening.aware_at > desk.now:
        raise InvalidInput("the time of awareness is in the future: expected one that has passed")
    classified = opening.classified_at
    if classified is not None and not opening.aware_at <= classified <= desk.now:
        raise InvalidInput("an incident is classified after the bank became aware, and before now")
    person = require_listed(desk.acting, desk.platform, desk.now)
    seed = f"{timestamp(desk.now)} {person.name} {title}".encode()
    statement = IncidentStatement(
        f"incident-{desk.now:%Y%m%d}-{Digest.of(seed).hex[:8]}",
        "opened",
        timestamp(desk.now),
        person.name,
        title,
        opening.stage,
        opening.model,
        opening.finding,
        timestamp(opening.aware_at),
        "" if classified is None else timestamp(classified),
    )
    _write(desk, statement)
    return statement.incident


def add_step(
    desk: IncidentDesk,
    known: Sequence[Incident],
    incident: str,
    *,
    action: str,
    text: str,
) -> None:
    """Add that a duty was reported, or that the incident is closed, by a signed event.

    Raises `NotFound` for an unknown incident, `InvalidInput` for one that is closed.
    """
    (opened,) = [each for each in known if each.id == incident] or (None,)
    if opened is None:
        raise NotFound(f"there is no incident {incident}")
    if opened.closed is not None:
        raise InvalidInput(f"{incident} was closed by {opened.closed.by} already")
    text = duty_of(text) if action == "reported" else _one_line(text, "a reason")
    person = require_listed(desk.acting, desk.platform, desk.now)
    _write(
        desk,
        IncidentStatement(
            incident, action, timestamp(desk.now), person.name, text, opened.stage, opened.model
        ),
    )


def read_incidents(
    events: Iterable[Event], people: Sequence[Person], moment: datetime
) -> tuple[Incident, ...]:
    """Return every incident that was opened by `moment`, as of then; the open ones first."""
    known = [each for each in events if each.time <= timestamp(moment)]
    steps: dict[str, list[tuple[Event, IncidentStatement | None, str]]] = {}
    for event in known:
        if event.kind in _ACTIONS:
            statement, fault = _checked(event, people)
            name = str((event.details or {}).get("incident", ""))
            steps.setdefault(name, []).append((event, statement, fault))
    incidents = [_incident(name, listed, known, moment) for name, listed in steps.items()]
    return tuple(sorted(incidents, key=lambda each: (each.closed is not None, each.aware_at)))


def _incident(
    name: str,
    listed: Sequence[tuple[Event, IncidentStatement | None, str]],
    events: Sequence[Event],
    moment: datetime,
) -> Incident:
    steps = tuple(_step(*each) for each in listed)
    openings = [each for each in listed if each[0].kind == KINDS["opened"]]
    # The first opening that is believed counts: nobody changes the time of awareness later.
    event, opened, fault = next((each for each in openings if not each[2]), (openings or listed)[0])
    aware = _time(opened.aware_at if opened else "") or _time(event.time) or moment
    classified = _time(opened.classified_at) if opened else None
    return Incident(
        name,
        opened.text if opened else "",
        event.stage,
        event.model,
        opened.finding if opened else "",
        aware,
        classified,
        opened.by if opened else event.actor,
        steps,
        clocks(aware, classified, steps, moment),
        tuple(_corrective(events, event.model, aware)),
        fault if openings else "nothing says that it was opened",
    )


def _step(event: Event, statement: IncidentStatement | None, fault: str) -> IncidentStep:
    action = _ACTIONS[event.kind]
    text = statement.text if statement is not None else ""
    time = _time(event.time)
    return IncidentStep(
        action,
        time or datetime.max.replace(tzinfo=UTC),
        event.actor,
        text,
        fault if time is not None else fault or "its time cannot be read",
    )


def _corrective(events: Sequence[Event], model: str, aware: datetime) -> Iterator[str]:
    """Yield what the log says about the model from a day before awareness on."""
    since = timestamp(aware - _BEFORE)
    about = (each for each in events if model and each.model == model and each.time >= since)
    for event in about:
        if event.kind in _CORRECTIVE:
            reason = str((event.details or {}).get("reason", ""))
            yield " ".join(filter(None, (event.time, event.stage, event.kind, reason)))


def _checked(event: Event, people: Sequence[Person]) -> tuple[IncidentStatement | None, str]:
    """Return what the event says, and why it is not believed; empty if a signature holds."""
    try:
        statement, key = signed_statement(event, IncidentStatement, NAMESPACE)
    except VerificationError as error:
        return None, error.message
    signed = (
        statement.incident,
        KINDS.get(statement.action),
        statement.time,
        statement.by,
        statement.stage,
        statement.model,
    )
    shown = (
        (event.details or {}).get("incident"), event.kind, event.time, event.actor, event.stage,
        event.model,
    )  # fmt: skip
    if signed != shown:
        return statement, ALTERED
    person, moment = signing_person(people, statement.by, key), _time(statement.time)
    if person is None:
        return statement, unlisted(statement.by)
    if moment is None or not was_listed(person, moment):
        return statement, f"{person.name} was not listed at {statement.time}"
    return statement, ""


def _write(desk: IncidentDesk, statement: IncidentStatement) -> None:
    details: dict[str, JsonValue] = {
        "incident": statement.incident,
        "statement": statement.message.decode(),
        "signature": desk.acting.key.sign(statement.message, NAMESPACE),
    }
    desk.append(
        Event(
            statement.time,
            KINDS[statement.action],
            statement.by,
            statement.stage,
            statement.model,
            details=details,
        )
    )


def _one_line(text: str, what: str) -> str:
    line = plain_line(text)
    if not 0 < len(line) <= MOST_TEXT:
        raise InvalidInput(f"an incident needs {what} of 1 to {MOST_TEXT} letters")
    return line


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else None
