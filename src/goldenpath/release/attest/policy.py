"""The policy of the verifier and its result, as pure values.

The trusted keys come from the gitops repository. Each has a period of validity. Nothing that a
revoked key signed after its revocation counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.release.attest.statement import Statement


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A machine's key whose statements count. Times are UTC; None means no limit."""

    name: str
    public_key: bytes
    """DER of the SubjectPublicKeyInfo."""
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """A person with roles, and the SSH key that they sign with."""

    name: str
    roles: tuple[str, ...]
    ssh_key: str
    """One line of OpenSSH's public key format, without comment."""
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    models: tuple[str, ...] = ()
    """The models that the person may act on, such as `credit-*`; empty means all."""


@dataclass(frozen=True, slots=True)
class JobIdentity:
    """Who a CI job is, by its OIDC token: verified by the build, or demanded by a policy.

    In a demand an empty text accepts any; the build knows an empty text where a token says nothing.
    """

    issuer: str = ""
    subject: str = ""
    repository: str = ""
    workflow: str = ""
    """The file that says what the job does, with its branch or tag."""

    def record(self) -> dict[str, JsonValue]:
        """Return it for the provenance, with names that no other member has."""
        return {f"token{name.title()}": text for name, text in self.named() if text}

    def named(self) -> tuple[tuple[str, str], ...]:
        """Return each text with its name."""
        return (
            ("issuer", self.issuer),
            ("subject", self.subject),
            ("repository", self.repository),
            ("workflow", self.workflow),
        )

    def difference(self, record: JsonValue) -> str:
        """Return what a record lacks or says otherwise; empty if it is as demanded."""
        given = record if isinstance(record, dict) else {}
        for name, text in self.named():
            got = given.get(f"token{name.title()}")
            if text and got != text:
                return f"the {name} of its CI job is {got!r}, expected {text}"
        return ""


NO_JOB = JobIdentity()
"""A demand that accepts any job, and a build on a machine that is none."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What has to be signed, and by whom, before a release is valid."""

    keys: tuple[TrustedKey, ...]
    required: tuple[str, ...]
    """Required predicate types, each signed by one of `keys`."""
    threshold: int = 1
    """Number of different keys that have to sign the release (predicate cosign sign/v1)."""
    repository: str | None = None
    """Repository that the release has to be built from; None accepts any."""
    builder: str | None = None
    """`builder.id` that the provenance has to name; None accepts any."""
    job: JobIdentity = NO_JOB
    """What the token of the CI job that built it has to say."""


OWN_TIME = "by its own date, which only its signer states: no first-seen time is known here"
"""By whose time a statement by a key that has ended is judged where nobody follows git."""


@dataclass(frozen=True, slots=True)
class Demand:
    """One question to the verifier: a digest, the policy, the people, and the time."""

    digest: Digest
    policy: Policy
    people: Sequence[Person]
    now: datetime
    seen: Mapping[Digest, datetime] | None = None
    """When somebody else than its signer saw each statement, by envelope; None where nobody keeps
    such times. Then the signing time counts for keys that have ended, and that is a claim."""


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """A statement that passed every control, with its signer."""

    statement: Statement
    signer: str
    """Name of the trusted key or person."""
    envelope: Digest
    """Digest of the referrer manifest that holds it; other records cite it by this digest."""
    kind: Literal["machine", "person"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    check: str
    status: Literal["pass", "fail", "waived", "not applicable"]
    message: str
    cure: str = ""
    """One sentence that says how to fix a failure."""


@dataclass(frozen=True, slots=True)
class Verified:
    """The result of verifying one digest."""

    subject: Digest
    statements: tuple[SignedStatement, ...]
    findings: tuple[Finding, ...]
    present: frozenset[Digest] = frozenset()
    """Referrers that the store returned undamaged, whether or not they count."""
    unread: str = ""
    """Why not every statement about it was read; empty if all were."""

    @property
    def holds(self) -> bool:
        """Whether no check failed."""
        return all(finding.status != "fail" for finding in self.findings)

    def of_type(self, predicate_type: str) -> tuple[SignedStatement, ...]:
        """Return the statements of one predicate type."""
        return tuple(s for s in self.statements if s.statement.predicate_type == predicate_type)


def newest_of(statements: Sequence[SignedStatement], predicate_type: str) -> SignedStatement | None:
    """Return the statement of that type that was signed last; a release may be built twice."""
    of_type = [s for s in statements if s.statement.predicate_type == predicate_type]
    never = datetime.min.replace(tzinfo=UTC)
    return max(of_type, key=lambda s: (s.statement.signed_at or never, s.envelope), default=None)
