"""What a person signs when they close a finding, and whether an event of it is believed."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from goldenpath.audit.events.event import Event
from goldenpath.canonical import canonical_json, parse_object
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.parsers.typed import typed
from goldenpath.promote.repository.identity import require_current, signing_person
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.sshsig import verify

NAMESPACE = "goldenpath-finding"
"""Namespace of the signature, so that it counts for nothing else."""


class FindingClosure(msgspec.Struct, frozen=True, rename="camel"):
    """What a person signs when they close a finding."""

    finding: str
    stage: str
    model: str
    release: str
    opened_at: str
    closed_at: str
    closed_by: str
    reason: str
    version: int = 1

    @property
    def message(self) -> bytes:
        """The bytes that are signed."""
        return canonical_json(msgspec.to_builtins(self))


def closing_fault(event: Event, people: Sequence[Person]) -> str:
    """Return why an event `drift.closed` ends no finding; empty if it does.

    It does if a person who was listed then signed its statement, and it says what they signed.
    """
    details = event.details or {}
    content = str(details.get("statement", "")).encode()
    try:
        closure = typed(parse_object(content, "statement"), FindingClosure, "statement")
        key = verify(str(details.get("signature", "")), content, NAMESPACE)
    except (InvalidInput, VerificationError) as error:
        return f"nobody signed it: {error.message}"
    signed = (
        closure.finding, closure.closed_at, closure.closed_by, closure.stage, closure.model,
        closure.release,
    )  # fmt: skip
    shown = (
        details.get("finding"), event.time, event.actor, event.stage, event.model, event.digest,
    )  # fmt: skip
    if signed != shown:
        return "the event says something else than its signed statement"
    person = signing_person(people, closure.closed_by, key)
    if person is None:
        return f"platform.toml lists no {closure.closed_by} with the signing key"
    try:
        require_current(person, datetime.fromisoformat(closure.closed_at))
    except InvalidInput as error:
        return error.message
    except (TypeError, ValueError):
        return f"{closure.closed_at!r} is no time of RFC 3339"
    return ""
