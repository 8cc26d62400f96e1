"""Answers that people overrode: signed events of the audit log, posted by the bank's own system.

An override counts only if the listed person whom it names signed it. One that is not believed is
shown with its fault, so that nothing is left out.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from goldenpath.audit.events.event import Event
from goldenpath.audit.events.signed_event import ALTERED, signed_statement, signer_fault
from goldenpath.audit.report.evidence_bundle import RecordedOverride
from goldenpath.canonical import JsonValue, canonical_json
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.observe.log.log_reader import Record
from goldenpath.parsers.shown_text import plain_line
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.identity import Identity, require_listed
from goldenpath.release.attest.policy import Person
from goldenpath.times import timestamp

NAMESPACE = "goldenpath-override"
"""Namespace of the signature, so that it counts for nothing else."""
MOST_TEXT = 2_000


class OverrideStatement(msgspec.Struct, frozen=True, rename="camel"):
    """What is signed about one answer that a person did not follow."""

    prediction: str
    role: str
    """The role of the person who decided; never a name."""
    reason: str
    by: str
    """The listed person or system that posts it."""
    time: str
    stage: str
    model: str
    release: str
    version: int = 1

    @property
    def message(self) -> bytes:
        """The bytes that are signed."""
        return canonical_json(msgspec.to_builtins(self))


@dataclass(frozen=True, slots=True)
class OverrideDesk:
    """Who posts overrides, and where the events go."""

    acting: Identity
    platform: Platform
    now: datetime
    append: Callable[[Event], object]


def record_override(desk: OverrideDesk, record: Record, role: str, reason: str) -> Event:
    """Record that a person decided otherwise than an answer, by a signed event, and return it.

    `record` is that of the answer in the prediction log.

    Raises `InvalidInput` for an empty role or reason, or if `desk.acting` is not listed.
    """
    person = require_listed(desk.acting, desk.platform, desk.now)
    statement = OverrideStatement(
        str(record["prediction_id"]),
        _line(role, "--by", "a role"),
        _line(reason, "--reason", "a reason"),
        person.name,
        timestamp(desk.now),
        str(record["stage"]),
        str(record["model"]),
        str(record["release_digest"]),
    )
    details: dict[str, JsonValue] = {
        "prediction": statement.prediction,
        "statement": statement.message.decode(),
        "signature": desk.acting.key.sign(statement.message, NAMESPACE),
    }
    event = Event(
        statement.time,
        "answer.overridden",
        statement.by,
        statement.stage,
        statement.model,
        statement.release,
        details=details,
    )
    desk.append(event)
    return event


def read_overrides(
    events: Iterable[Event], people: Sequence[Person]
) -> tuple[RecordedOverride, ...]:
    """Return every override among the events, also those that do not count."""
    return tuple(_read(each, people) for each in events if each.kind == "answer.overridden")


def overridden(overrides: Iterable[RecordedOverride]) -> int:
    """Return the number of answers that were overridden; one that was twice counts once."""
    return len({each.prediction for each in overrides if not each.fault})


def _read(event: Event, people: Sequence[Person]) -> RecordedOverride:
    try:
        statement, key = signed_statement(event, OverrideStatement, NAMESPACE)
    except VerificationError as error:
        name, fault = str((event.details or {}).get("prediction", "")), error.message
        return RecordedOverride(
            event.time, event.stage, event.model, name, "", "", event.actor, fault, is_altered=True
        )
    altered = _alteration(event, statement)
    return RecordedOverride(
        event.time,
        event.stage,
        event.model,
        statement.prediction,
        statement.role,
        statement.reason,
        statement.by,
        altered or signer_fault(people, statement.by, key, statement.time),
        is_altered=bool(altered),
    )


def _alteration(event: Event, statement: OverrideStatement) -> str:
    """Return that the event is not what was signed; empty if it is."""
    signed = (
        statement.prediction, statement.time, statement.by, statement.stage, statement.model,
        statement.release,
    )  # fmt: skip
    shown = (
        (event.details or {}).get("prediction"), event.time, event.actor, event.stage, event.model,
        event.digest,
    )  # fmt: skip
    return ALTERED if signed != shown else ""


def _line(text: str, flag: str, what: str) -> str:
    line = plain_line(text)
    if not 0 < len(line) <= MOST_TEXT:
        raise InvalidInput(f"{flag} has {len(line)} letters: expected {what} of 1 to {MOST_TEXT}")
    return line
