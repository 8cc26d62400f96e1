"""The controls of the verifier: each has a name and a pure function.

A statement counts only if it passes every control of `OF_STATEMENTS`. A release is valid only if it
passes every control of `OF_RELEASES`. `goldenpath attack` switches off one control at a time, and
shows that exactly the attacks on that control then succeed. So no control is without effect.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from goldenpath.canonical import DuplicateKey, parse_object
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.release.attest import contents
from goldenpath.release.attest.bundle import Bundle, OtherBundleVersion, key_hint
from goldenpath.release.attest.documents import Candidate, Document, Documents, read_candidate
from goldenpath.release.attest.media_types import BUNDLE, SSH_SIGNATURE, SSH_STATEMENT
from goldenpath.release.attest.policy import Demand, Finding, Person, SignedStatement, TrustedKey
from goldenpath.release.attest.signatures.p256 import is_signed
from goldenpath.release.attest.statement import (
    ADMITTED,
    APPROVAL,
    CHECKPOINT,
    DECISION,
    KINDS,
    OBSERVED,
    PAYLOAD_TYPE,
    RENEWAL,
    SIGNED,
    STATEMENT_TYPE,
    WAIVER,
)

CLOCK_SKEW = timedelta(minutes=5)
"""How far the clock of a signer may be ahead of ours."""

FACTS = frozenset({SIGNED, *KINDS.values(), OBSERVED, CHECKPOINT})
"""Predicate types that only machines may sign."""

JUDGEMENTS = frozenset({APPROVAL, WAIVER, DECISION, RENEWAL})
"""Predicate types that only people may sign."""


Signatory = TrustedKey | Person
Refuse = Callable[[Candidate, "Signatory | None", Demand], str | None]
Answer = Callable[[Documents, Sequence[SignedStatement], Demand], tuple[Finding, ...]]


@dataclass(frozen=True, slots=True)
class StatementControl:
    """A control of one statement; `refuse` returns why the statement does not count, or None."""

    name: str
    refuse: Refuse


@dataclass(frozen=True, slots=True)
class ReleaseControl:
    """A control of the whole release; `answer` returns its findings."""

    name: str
    answer: Answer


def signatory(candidate: Candidate, demand: Demand) -> Signatory | None:
    """Return the trusted key or person whose good signature the statement has, or None."""
    if candidate.kind == "person":
        return _person(candidate, demand.people)
    for key in demand.policy.keys:
        if any(is_signed(key.public_key, candidate.signed, each) for each in candidate.signatures):
            return key
    return None


def is_signed_for(document: Document, demand: Demand) -> bool:
    """Whether a referrer holds a good signature by somebody who is trusted, whatever it says."""
    try:
        return signatory(read_candidate(document), demand) is not None
    except InvalidInput:
        return False


def claimed_signatory(candidate: Candidate, demand: Demand) -> Signatory | None:
    """Return who claims to have signed. Only for attacks with the control "signature" off."""
    if candidate.kind == "person":
        return demand.people[0] if demand.people else None
    hinted = (key for key in demand.policy.keys if key_hint(key.public_key) == candidate.hint)
    return next(hinted, demand.policy.keys[0] if demand.policy.keys else None)


def _person(candidate: Candidate, people: Sequence[Person]) -> Person | None:
    # Imported late: it is slow to import, and most releases have no statement of a person yet.
    from goldenpath.release.attest.signatures.ssh_public_key import is_same_key
    from goldenpath.release.attest.signatures.sshsig import STATEMENT_NAMESPACE
    from goldenpath.release.attest.signatures.sshsig import verify as verify_ssh

    for signature in candidate.signatures:
        try:
            text = signature.decode("ascii", "replace")
            line = verify_ssh(text, candidate.payload, STATEMENT_NAMESPACE)
        except VerificationError:
            continue
        return next((person for person in people if is_same_key(person.ssh_key, line)), None)
    return None


def _content(candidate: Candidate, _who: Signatory | None, _demand: Demand) -> str | None:
    return candidate.document.fault or None


def _layers(candidate: Candidate, _who: Signatory | None, _demand: Demand) -> str | None:
    expected = 2 if candidate.kind == "person" else 1
    number = len(candidate.manifest.layers)
    return None if number == expected else f"it has {number} layers, expected {expected}"


def _format(candidate: Candidate, _who: Signatory | None, _demand: Demand) -> str | None:
    person = candidate.kind == "person"
    expected = [PAYLOAD_TYPE, SSH_SIGNATURE] if person else [BUNDLE]
    media_types = [layer.media_type for layer in candidate.manifest.layers[: len(expected)]]
    kind = SSH_STATEMENT if person else BUNDLE
    if candidate.manifest.artifact_type != kind or media_types != expected:
        return f"it is {candidate.manifest.artifact_type} with {media_types[0]}, expected {kind}"
    if person or candidate.bundle_type == BUNDLE:
        return None
    return f"the bundle says {candidate.bundle_type!r}, expected version 0.3"


def _referrer(candidate: Candidate, _who: Signatory | None, demand: Demand) -> str | None:
    subject = candidate.manifest.subject
    if subject is not None and subject.digest == demand.digest:
        return None
    return f"it refers to {subject.digest if subject else 'nothing'}"


def _unambiguous(candidate: Candidate, _who: Signatory | None, _demand: Demand) -> str | None:
    try:
        parse_object(candidate.payload, "statement")
        if candidate.kind == "machine":
            parse_object(candidate.document.layers[0], "bundle")
    except InvalidInput as error:
        return error.message
    return None


def _members(candidate: Candidate, _who: Signatory | None, _demand: Demand) -> str | None:
    if candidate.kind == "person":
        return None
    try:
        Bundle.parse(candidate.document.layers[0])
    except (DuplicateKey, OtherBundleVersion):
        # `unambiguous` and `format` report these two faults. If this control did as well, switching
        # off one of them would show nothing, and `goldenpath attack` could not tell what it is for.
        return None
    except InvalidInput as error:
        return error.message
    return None


def _payload_type(candidate: Candidate, _who: Signatory | None, _demand: Demand) -> str | None:
    if candidate.payload_type == PAYLOAD_TYPE:
        return None
    return f"the payload is {candidate.payload_type!r}, expected {PAYLOAD_TYPE}"


def _one_signature(candidate: Candidate, _who: Signatory | None, _demand: Demand) -> str | None:
    count = len(candidate.signatures)
    return None if count == 1 else f"it has {count} signatures, expected 1"


def _signature(_candidate: Candidate, who: Signatory | None, _demand: Demand) -> str | None:
    return None if who is not None else "it has no good signature by a trusted key"


def _validity(candidate: Candidate, who: Signatory | None, demand: Demand) -> str | None:
    if who is None:
        return None
    # Only the signer states the signing time. A statement without one is judged as signed now.
    moment = candidate.signed_at or demand.now
    if who.valid_from is not None and moment < who.valid_from:
        return f"the key {who.name} was not valid yet at {moment:%Y-%m-%d %H:%M}"
    if who.valid_until is not None and moment >= who.valid_until:
        return f"the key {who.name} was no longer valid at {moment:%Y-%m-%d %H:%M}"
    return None


def _revocation(candidate: Candidate, who: Signatory | None, demand: Demand) -> str | None:
    if not isinstance(who, TrustedKey) or who.revoked_at is None:
        return None
    if (candidate.signed_at or demand.now) < who.revoked_at:
        return None
    return f"the key {who.name} has been revoked since {who.revoked_at:%Y-%m-%d %H:%M}"


def _witness(candidate: Candidate, who: Signatory | None, demand: Demand) -> str | None:
    # Whoever holds the key of a machine can date a statement back to before the key ended. What a
    # person signed is judged by the time when it was used (`goldenpath.promote.gates`).
    if demand.seen is None or not isinstance(who, TrustedKey):
        return None
    seen = demand.seen.get(candidate.document.listed.digest, demand.now)
    ends = [end for end in (who.valid_until, who.revoked_at) if end is not None and end <= seen]
    if not ends:
        return None
    return f"nobody is known to have seen it before the key {who.name} ended, {min(ends):%Y-%m-%d}"


def _signing_time(candidate: Candidate, _who: Signatory | None, demand: Demand) -> str | None:
    if candidate.signed_at is None or candidate.signed_at <= demand.now + CLOCK_SKEW:
        return None
    return f"its signing time is in the future: {candidate.signed_at:%Y-%m-%d %H:%M}"


def _separation(candidate: Candidate, _who: Signatory | None, _demand: Demand) -> str | None:
    if candidate.kind == "machine" and candidate.predicate_type in JUDGEMENTS:
        return "a machine signed a statement that only a person may sign"
    if candidate.kind == "person" and _is_fact(candidate.predicate_type):
        return "a person signed a statement that only a machine may sign"
    return None


def _is_fact(predicate_type: str) -> bool:
    return predicate_type in FACTS or predicate_type.startswith(ADMITTED)


def _statement_type(candidate: Candidate, _who: Signatory | None, _demand: Demand) -> str | None:
    if candidate.statement_type == STATEMENT_TYPE:
        return None
    return f"the statement is {candidate.statement_type!r}, expected {STATEMENT_TYPE}"


def _subject(candidate: Candidate, _who: Signatory | None, demand: Demand) -> str | None:
    if demand.digest.hex in candidate.subjects:
        return None
    return f"it is about {', '.join(candidate.subjects)[:80] or 'nothing'}"


def _sole_subject(candidate: Candidate, _who: Signatory | None, _demand: Demand) -> str | None:
    is_sole = candidate.predicate_type == SIGNED or candidate.predicate_type.startswith(ADMITTED)
    if not is_sole or len(set(candidate.subjects)) == 1:
        return None
    return "a signature covers several digests, expected 1"


def _policy(_documents: Documents, _statements: object, demand: Demand) -> tuple[Finding, ...]:
    policy = demand.policy
    keys = {key.public_key for key in policy.keys}
    if keys and policy.required and 1 <= policy.threshold <= len(keys):
        return ()
    message = "the policy demands nothing, so nothing can be refused"
    if policy.threshold > len(keys):
        message = f"the policy requires {policy.threshold} signatures but trusts {len(keys)} keys"
    cure = "name at least one trusted key and one required predicate"
    return (Finding("policy", "fail", message, cure),)


def _image(documents: Documents, _statements: object, demand: Demand) -> tuple[Finding, ...]:
    digest = Digest.of(documents.image)
    if digest == demand.digest:
        return (Finding("image", "pass", "the manifest has the requested digest"),)
    message = f"the store gave another manifest: expected {demand.digest}, got {digest}"
    return (Finding("image", "fail", message, "fetch it from a store that you trust"),)


def _blobs(documents: Documents, _statements: object, _demand: Demand) -> tuple[Finding, ...]:
    if documents.faults:
        cure = "copy the release again from a store that is not damaged"
        return tuple(Finding("blobs", "fail", fault, cure) for fault in documents.faults)
    if documents.blobs is None:
        message = "not read here: every byte is checked when the release is unpacked"
        return (Finding("blobs", "not applicable", message),)
    message = f"all {documents.blobs} blobs have their digest and size"
    return (Finding("blobs", "pass", message),)


def _threshold(
    _documents: Documents, statements: Sequence[SignedStatement], demand: Demand
) -> tuple[Finding, ...]:
    # An attestation is not a signature, although `cosign verify` accepts one as a signature.
    signers = sorted({s.signer for s in statements if s.statement.predicate_type == SIGNED})
    threshold = demand.policy.threshold
    message = (
        f"signed by {', '.join(signers) or 'nobody'}: expected {threshold} keys, got {len(signers)}"
    )
    if len(signers) >= threshold:
        return (Finding("threshold", "pass", message),)
    return (Finding("threshold", "fail", message, "sign the release with a trusted key"),)


def _required(
    _documents: Documents, statements: Sequence[SignedStatement], demand: Demand
) -> tuple[Finding, ...]:
    findings = []
    for requirement in demand.policy.required:
        if requirement == SIGNED:
            continue
        by = sorted({s.signer for s in statements if s.statement.predicate_type == requirement})
        if by:
            findings.append(Finding("required", "pass", f"{requirement} signed by {', '.join(by)}"))
        else:
            cure = "build the release again, so that its evidence is attached and signed"
            message = f"{requirement} is missing: no statement of it counts"
            findings.append(Finding("required", "fail", message, cure))
    return tuple(findings)


def _of_content(check: Callable[[Candidate, Demand], str | None]) -> Refuse:
    """Turn a check of a statement's content into a control, which ignores the signer."""
    return lambda candidate, _who, demand: check(candidate, demand)


OF_STATEMENTS: tuple[StatementControl, ...] = (
    StatementControl("content", _content),
    StatementControl("layers", _layers),
    StatementControl("format", _format),
    StatementControl("referrer", _referrer),
    StatementControl("unambiguous", _unambiguous),
    StatementControl("members", _members),
    StatementControl("payload type", _payload_type),
    StatementControl("one signature", _one_signature),
    StatementControl("signature", _signature),
    StatementControl("validity", _validity),
    StatementControl("revocation", _revocation),
    StatementControl("witness", _witness),
    StatementControl("signing time", _signing_time),
    StatementControl("separation", _separation),
    StatementControl("statement type", _statement_type),
    StatementControl("subject", _subject),
    StatementControl("sole subject", _sole_subject),
    StatementControl("build type", _of_content(contents.build_type)),
    StatementControl("parameters", _of_content(contents.parameters)),
    StatementControl("repository", _of_content(contents.repository)),
    StatementControl("builder", _of_content(contents.builder)),
    StatementControl("sbom", _of_content(contents.sbom)),
    StatementControl("predicate", _of_content(contents.predicate)),
)

OF_RELEASES: tuple[ReleaseControl, ...] = (
    ReleaseControl("policy", _policy),
    ReleaseControl("image", _image),
    ReleaseControl("blobs", _blobs),
    ReleaseControl("threshold", _threshold),
    ReleaseControl("required", _required),
    ReleaseControl("test result", contents.test_result),
    ReleaseControl("scan", contents.scan),
    ReleaseControl("agreement", contents.agreement),
)
