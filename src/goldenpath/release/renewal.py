"""Why a release was trained again: the day up to which its data reach, and the finding or reason.

The person who asked for the retraining signs this about the release. It is a record and no
approval: a renewed release takes the same road as any other.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.release.attest.policy import Verified
from goldenpath.release.attest.statement import RENEWAL, Statement
from goldenpath.release.evidence.training_statements import origin_of
from goldenpath.train.moved_pin import MovedPin


class RenewalCause(msgspec.Struct, frozen=True, rename="camel"):
    """The finding that caused a retraining, as it was then."""

    finding: str
    stage: str
    kind: str
    feature: str
    release: str
    """The release that the finding is about."""
    opened_at: str
    sentence: str


class Renewal(msgspec.Struct, frozen=True, rename="camel"):
    """What a person signs when they let a model be trained again."""

    model: str
    until: str
    """The day up to which the data reach, as in 2026-09-30."""
    commit: str
    """The commit of the project in which the pins moved."""
    branch: str
    data: tuple[MovedPin, ...]
    reason: str = ""
    cause: RenewalCause | None = None
    """None if a person asked for it without a finding."""
    version: int = 1

    @property
    def sentence(self) -> str:
        """The renewal in one sentence, without the person."""
        why = self.reason
        if self.cause is not None:
            about = f"{self.cause.kind} of {self.cause.feature} in {self.cause.stage}"
            why = f"finding {self.cause.finding} ({about})"
        return f"trained again with data up to {self.until}, because of {why}"


class SignedRenewal(msgspec.Struct, frozen=True):
    """A renewal that a listed person signed."""

    person: str
    statement: str
    """Digest of the signed statement."""
    renewal: Renewal


def renewal_statement(renewal: Renewal, digest: Digest) -> Statement:
    """Return the statement about the release that the retraining gave."""
    predicate: dict[str, JsonValue] = msgspec.to_builtins(renewal)
    return Statement((digest,), RENEWAL, predicate)


def renewals_of(verified: Verified) -> tuple[SignedRenewal, ...]:
    """Return the renewals that people signed about a release.

    One that names another commit than the provenance is about another build, and does not count.
    The one that was signed last is the last.
    """
    origin = origin_of(verified)
    commit = "" if origin is None else origin.commit
    return tuple(each for each in _signed(verified) if each.renewal.commit == commit)


def _signed(verified: Verified) -> Iterator[SignedRenewal]:
    never = datetime.min.replace(tzinfo=UTC)
    statements = verified.of_type(RENEWAL)
    for each in sorted(statements, key=lambda s: (s.statement.signed_at or never, s.envelope)):
        try:
            renewal = msgspec.convert(dict(each.statement.predicate), Renewal)
        except msgspec.ValidationError:
            continue  # a later version, or nothing that says why
        yield SignedRenewal(each.signer, each.envelope.text, renewal)
