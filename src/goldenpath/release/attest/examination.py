"""Judges a digest: a pure function of documents, policy, people and time.

A statement that cannot be read or fails a control is reported and never counted. The release fails
only if a required statement is then missing.

Without a time-stamp authority, only the signer states the signing time. The signature covers it, so
nobody else can change it. But somebody who steals a key can backdate a statement. A statement by a
key that has ended therefore counts only if somebody else saw it before that, where such times are
kept. Elsewhere, remove a stolen key from the policy. A statement without a signing time is judged
as signed now.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.release.attest.controls import (
    OF_RELEASES,
    OF_STATEMENTS,
    Signatory,
    claimed_signatory,
    signatory,
)
from goldenpath.release.attest.documents import (
    Candidate,
    Document,
    Documents,
    cited_envelopes,
    read_candidate,
)
from goldenpath.release.attest.policy import (
    Demand,
    Finding,
    Person,
    Policy,
    SignedStatement,
    Verified,
)

UNREADABLE = "form"
"""The reason for a referrer that cannot be read. It is not a control and cannot be switched off."""


@dataclass(frozen=True, slots=True)
class RejectedStatement:
    """A statement that does not count, and the control that refused it."""

    referrer: Digest
    control: str
    reason: str


@dataclass(frozen=True, slots=True)
class Examination:
    """The verdict, and every statement that a control refused."""

    verified: Verified
    refusals: tuple[RejectedStatement, ...]


def judge(
    digest: Digest,
    documents: Documents,
    policy: Policy,
    people: Sequence[Person],
    *,
    now: datetime,
    seen: Mapping[Digest, datetime] | None = None,
) -> Verified:
    """Return the statements that count about `digest`, and the findings of all checks.

    `seen` is as in `Demand`, with the statements that commits name.
    """
    return examine(digest, documents, Demand(digest, policy, people, now, seen)).verified


def examine(
    digest: Digest, documents: Documents, demand: Demand, *, without: frozenset[str] = frozenset()
) -> Examination:
    """Judge with reasons for each refusal; `without` switches controls off, for attacks."""
    if demand.seen:
        demand = replace(demand, seen=with_citations(documents.referrers, demand.seen))
    counted: list[SignedStatement] = []
    refusals: list[RejectedStatement] = []
    for document in documents.referrers:
        match _consider(document, demand, without):
            case RejectedStatement() as refusal:
                refusals.append(refusal)
            case statement:
                counted.append(statement)
    findings = [
        finding
        for control in OF_RELEASES
        if control.name not in without
        for finding in control.answer(documents, counted, demand)
    ]
    findings.extend(_reported(refusals, documents.unread))
    present = frozenset(each.listed.digest for each in documents.referrers if not each.fault)
    verified = Verified(digest, tuple(counted), tuple(findings), present, documents.unread)
    return Examination(verified, tuple(refusals))


def with_citations(
    documents: Iterable[Document], seen: Mapping[Digest, datetime]
) -> Mapping[Digest, datetime]:
    """Add what decisions cite: it was there before them, because they name it by its digest."""
    times = dict(seen)
    for document in documents:
        known = seen.get(document.listed.digest)
        if known is None or document.fault:
            continue  # a damaged document may not be what its digest says
        for cited in cited_envelopes(document):
            times[cited] = min(known, times.get(cited, known))
    return times


def _consider(
    document: Document, demand: Demand, without: frozenset[str]
) -> SignedStatement | RejectedStatement:
    referrer = document.listed.digest
    try:
        candidate = read_candidate(document)
    except InvalidInput as error:
        return RejectedStatement(referrer, UNREADABLE, document.fault or error.message)
    who = signatory(candidate, demand)
    # An attack must get past this control alone, and every other one needs to know a signer.
    if who is None and "signature" in without:
        who = claimed_signatory(candidate, demand)
    for control in OF_STATEMENTS:
        reason = None
        if control.name not in without:
            reason = control.refuse(candidate, who, demand)
        # The first control that refuses is reported: `goldenpath attack` shows by it which control
        # is needed.
        if reason is not None:
            return RejectedStatement(referrer, control.name, reason)
    return _count(candidate, who, demand)


def _count(
    candidate: Candidate, who: Signatory | None, demand: Demand
) -> SignedStatement | RejectedStatement:
    referrer = candidate.document.listed.digest
    if who is None:
        return RejectedStatement(referrer, UNREADABLE, "the policy trusts no key and no person")
    try:
        statement = candidate.statement()
    except InvalidInput as error:
        return RejectedStatement(referrer, UNREADABLE, error.message)
    return SignedStatement(statement, who.name, referrer, candidate.kind)


def _reported(refusals: Sequence[RejectedStatement], unread: str) -> list[Finding]:
    findings = [
        Finding(
            "ignored",
            "not applicable",
            f"{refusal.referrer.short} does not count ({refusal.control}): {refusal.reason}",
        )
        for refusal in refusals
    ]
    if unread:
        findings.append(Finding("ignored", "not applicable", unread))
    return findings


__all__ = ["Demand", "Examination", "RejectedStatement", "examine", "judge", "with_citations"]
