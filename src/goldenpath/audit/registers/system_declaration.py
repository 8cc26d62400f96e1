"""What a signed release declares about its system: the tier, the owner, and who approved that."""

from collections.abc import Mapping
from dataclasses import dataclass

from goldenpath.audit.registers.signed_records import SignedRecords
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, InvalidInput
from goldenpath.project.text import parse_statement
from goldenpath.promote.gates.declared_limits import PROJECT, declared_tier
from goldenpath.promote.workspace.release_reader import read_parts
from goldenpath.release.attest.policy import Verified
from goldenpath.release.renewal import renewals_of

SYSTEM = "compliance/system.yaml"
"""The statement H01 of a release: which system it is, and its classification."""


@dataclass(frozen=True, slots=True)
class RegisterFact:
    """A value and the record that says so, or the reason why nobody knows it."""

    value: str = ""
    source: str = ""
    """The signed record that the value is from."""
    unknown: str = ""
    """Why the value is unknown; empty if it is known."""

    @property
    def text(self) -> str:
        """The value, or that it is unknown and why."""
        return self.value or f"unknown: {self.unknown}"


@dataclass(frozen=True, slots=True)
class SystemDeclaration:
    """The words of people inside one release. They are declared, and not verified."""

    tier: RegisterFact
    owner: RegisterFact
    approved_by: RegisterFact
    """The person who approved the classification, and the day that the text names."""
    renewed: RegisterFact
    """Why the release was trained again, as a person signed it."""


def read_declaration(records: SignedRecords, digest: Digest) -> SystemDeclaration:
    """Return what the release declares; it counts only if the release is signed."""
    try:
        verified = records.statements(digest)
        if not verified.holds:
            failed = next(each for each in verified.findings if each.status == "fail")
            return _unknown(f"{digest.short} is not valid: {failed.message}")
        documents = read_parts(records.open_store(), digest).documents
    except GoldenPathError as error:
        return _unknown(f"{digest.short} cannot be read: {error.message}")
    owner, approved_by = _people(documents, digest)
    return SystemDeclaration(
        _tier(documents, digest), owner, approved_by, _renewed(verified, digest)
    )


def _unknown(reason: str) -> SystemDeclaration:
    fact = RegisterFact(unknown=reason)
    return SystemDeclaration(fact, fact, fact, fact)


def _renewed(verified: Verified, digest: Digest) -> RegisterFact:
    signed = renewals_of(verified)
    if not signed:
        return RegisterFact("no: nobody signed a renewal", f"statements about {digest.short}")
    last = signed[-1]
    return RegisterFact(f"{last.renewal.sentence}; signed by {last.person}", last.statement)


def _tier(documents: Mapping[str, bytes], digest: Digest) -> RegisterFact:
    try:
        tier, source = declared_tier(documents)
    except InvalidInput as error:
        return RegisterFact(unknown=f"{PROJECT} of {digest.short} is unreadable: {error.message}")
    if source != "declared":
        return RegisterFact(unknown=f"{digest.short} declares no tier")
    return RegisterFact(tier, f"{PROJECT} in {digest.short}")


def _people(documents: Mapping[str, bytes], digest: Digest) -> tuple[RegisterFact, RegisterFact]:
    """Return the owner and the approver that the statement about the system names."""
    content = documents.get(SYSTEM)
    if content is None:
        fact = RegisterFact(unknown=f"{digest.short} has no {SYSTEM}")
        return fact, fact
    try:
        value = parse_statement(content.decode(), SYSTEM)
    except (InvalidInput, UnicodeDecodeError) as error:
        fact = RegisterFact(unknown=f"{SYSTEM} of {digest.short} is unreadable: {error}")
        return fact, fact
    source = f"{SYSTEM} in {digest.short}"
    owner, approver = (_words(value.get(key)) for key in ("owner", "approved_by"))
    day = _words(value.get("approved_on"))
    return (
        RegisterFact(owner, source) if owner else RegisterFact(unknown=f"{source} names no owner"),
        RegisterFact(f"{approver} on {day}", source)
        if approver and day
        else RegisterFact(unknown=f"{source} names no approver with a day"),
    )


def _words(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
