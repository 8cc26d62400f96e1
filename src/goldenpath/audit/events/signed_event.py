"""Events whose details hold a statement that a person signed: overrides, incidents, closings."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from goldenpath.audit.events.event import Event
from goldenpath.canonical import parse_object
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.parsers.typed import typed
from goldenpath.promote.repository.identity import require_current, signing_person
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.sshsig import verify

ALTERED = "the event says something else than its signed statement"
Stated = TypeVar("Stated")


def signed_statement(event: Event, kind: type[Stated], namespace: str) -> tuple[Stated, str]:
    """Return the statement of an event, and the public key that signed it.

    Raises `VerificationError` if there is none, or no signature of that namespace over it.
    """
    details = event.details or {}
    content = str(details.get("statement", "")).encode()
    try:
        statement = typed(parse_object(content, "statement"), kind, "statement")
        return statement, verify(str(details.get("signature", "")), content, namespace)
    except (InvalidInput, VerificationError) as error:
        raise VerificationError(f"nobody signed it: {error.message}") from error


def signer_fault(people: Sequence[Person], name: str, key: str, time: str) -> str:
    """Return why what a person signed at a time does not count; empty if it does."""
    person = signing_person(people, name, key)
    if person is None:
        return unlisted(name)
    try:
        require_current(person, datetime.fromisoformat(time))
    except InvalidInput as error:
        return error.message
    except (TypeError, ValueError):
        return f"{time!r} is no time of RFC 3339"
    return ""


def unlisted(name: str) -> str:
    """Return that nobody is listed by a name and the key that signed."""
    return f"platform.toml lists no {name} with the signing key"
