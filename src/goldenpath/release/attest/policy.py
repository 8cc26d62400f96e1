"""What a verifier demands, and what it found: pure values, no I/O.

Trust is data: the keys come from the gitops repository, each with a period of validity, and a
revoked key has the moment from which nothing it signed counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from goldenpath.digest import Digest
from goldenpath.release.attest.statement import Statement


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A key of a machine whose statements count. Times are UTC; None means without end."""

    name: str
    public_key: bytes
    """DER of the SubjectPublicKeyInfo."""
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may approve or change, with their own SSH key."""

    name: str
    roles: tuple[str, ...]
    ssh_key: str
    """One line of OpenSSH's public key format, without comment."""
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What must be signed by whom before an artifact counts."""

    keys: tuple[TrustedKey, ...]
    required: tuple[str, ...]
    """Predicate types that must be there, each signed by one of `keys`."""
    threshold: int = 1
    """Distinct keys that must have made the signature (predicate cosign sign/v1)."""
    repository: str | None = None
    """Repository that the release must have been built from; None accepts any."""
    builder: str | None = None
    """`builder.id` that the provenance must name; None accepts any."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What is demanded, of which digest, by whose keys, at what time."""

    digest: Digest
    policy: Policy
    people: Sequence[Person]
    now: datetime


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """A statement with a good signature by a known key: nothing else becomes one."""

    statement: Statement
    signer: str
    """Name of the trusted key or person."""
    envelope: Digest
    """Digest of the referrer manifest that carries it, by which others cite it."""
    kind: Literal["machine", "person"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of one check: what was looked at, and how it went."""

    check: str
    status: Literal["pass", "fail", "waived", "not applicable"]
    message: str
    cure: str = ""
    """What to do about a failure, one sentence."""


@dataclass(frozen=True, slots=True)
class Verified:
    """All that counts about one digest, after verification."""

    subject: Digest
    statements: tuple[SignedStatement, ...]
    findings: tuple[Finding, ...]
    present: frozenset[Digest] = frozenset()
    """Referrers that the store listed and gave whole, whether or not they count."""

    @property
    def holds(self) -> bool:
        """Whether every check passed."""
        return all(finding.status != "fail" for finding in self.findings)

    def of_type(self, predicate_type: str) -> tuple[SignedStatement, ...]:
        """The statements of one predicate type."""
        return tuple(s for s in self.statements if s.statement.predicate_type == predicate_type)


def newest_of(statements: Sequence[SignedStatement], predicate_type: str) -> SignedStatement | None:
    """The statement of that type that was signed last; a release may have been built twice."""
    found = [s for s in statements if s.statement.predicate_type == predicate_type]
    never = datetime.min.replace(tzinfo=UTC)
    return max(found, key=lambda s: (s.statement.signed_at or never, s.envelope), default=None)
