"""What a person signs when they close a finding, and whether an event of it is believed."""

from collections.abc import Sequence

import msgspec

from goldenpath.audit.events.event import Event
from goldenpath.audit.events.signed_event import ALTERED, signed_statement, signer_fault
from goldenpath.canonical import canonical_json
from goldenpath.errors import VerificationError
from goldenpath.release.attest.policy import Person

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
    try:
        closure, key = signed_statement(event, FindingClosure, NAMESPACE)
    except VerificationError as error:
        return error.message
    signed = (
        closure.finding, closure.closed_at, closure.closed_by, closure.stage, closure.model,
        closure.release,
    )  # fmt: skip
    shown = (
        (event.details or {}).get("finding"), event.time, event.actor, event.stage, event.model,
        event.digest,
    )  # fmt: skip
    if signed != shown:
        return ALTERED
    return signer_fault(people, closure.closed_by, key, closure.closed_at)
