"""A VEX statement: a person signs that a vulnerability does not endanger a release, until a day.

The statement carries a document of OpenVEX 0.2.0, so that other tools read it. It closes findings
of one release, model and stage. It ends on its day, and then the finding is open again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.promote.gates.approval import role_refusal, time_refusal
from goldenpath.promote.platform.platform import Platform
from goldenpath.release.attest.policy import SignedStatement, Verified
from goldenpath.release.attest.statement import (
    OURS,
    Statement,
    member,
    parse_time,
    render_time,
    text_member,
)

VEX = OURS + "vex/v1"
CONTEXT = "https://openvex.dev/ns/v0.2.0"
LONGEST = timedelta(days=366)
MIN_REASON = 10
"""A reason has at least so many characters."""

VexStatus = Literal["not_affected", "fixed"]
"""The statuses of OpenVEX that close a finding. The others say that it stays open."""
Justification = Literal[
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
]


@dataclass(frozen=True, slots=True)
class VexClaim:
    """What a person states about one vulnerability of one release."""

    release: Digest
    stage: str
    model: str
    advisory: str
    """The identifier by which the finding names it, or one of its aliases."""
    status: VexStatus
    justification: str
    """Empty for `fixed`."""
    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class VexClosing:
    """A VEX statement about one advisory, and whether it counts now."""

    envelope: Digest
    by: str
    status: str
    until: datetime | None
    refused: str = ""
    """Why it does not count; empty if it does."""
    signed_at: datetime | None = None

    @property
    def sentence(self) -> str:
        """What it says, in one sentence."""
        end = f"{self.until:%Y-%m-%d}" if self.until is not None else "no day that can be read"
        return f"{self.by} signed {self.status}, until {end}"


def vex_statement(claim: VexClaim, author: str, now: datetime) -> Statement:
    """Return the statement to sign. Raises `InvalidInput` if it could not count."""
    if not now < claim.until <= now + LONGEST:
        raise InvalidInput("a VEX statement must end after now and within a year")
    if len(claim.reason.strip()) < MIN_REASON:
        raise InvalidInput(f"a VEX statement needs a reason of at least {MIN_REASON} characters")
    if (claim.status == "not_affected") != bool(claim.justification):
        raise InvalidInput("a justification belongs to the status not_affected, and to no other")
    predicate: dict[str, JsonValue] = {
        "version": 1,
        "scope": {
            "model": claim.model,
            "environment": claim.stage,
            "until": render_time(claim.until),
        },
        "document": _document(claim, author, now),
    }
    return Statement((claim.release,), VEX, predicate)


def _document(claim: VexClaim, author: str, now: datetime) -> dict[str, JsonValue]:
    """Return the document of OpenVEX."""
    product = f"pkg:oci/{claim.model}@sha256%3A{claim.release.hex}"
    statement: dict[str, JsonValue] = {
        "vulnerability": {"name": claim.advisory},
        "products": [{"@id": product, "hashes": {"sha-256": claim.release.hex}}],
        "status": claim.status,
        "status_notes": claim.reason.strip(),
    }
    if claim.justification:
        statement["justification"] = claim.justification
        statement["impact_statement"] = claim.reason.strip()
    return {
        "@context": CONTEXT,
        "@id": f"https://openvex.dev/docs/goldenpath/{claim.release.hex}/{claim.advisory}",
        "author": author,
        "timestamp": render_time(now),
        "version": 1,
        "statements": [statement],
    }


def vex_closings(
    verified: Verified,
    names: frozenset[str],
    place: tuple[str, str],
    platform: Platform,
    *,
    moment: datetime,
) -> tuple[VexClosing, ...]:
    """Return every VEX statement about an advisory, those that count first.

    `names` are the identifiers of the advisory, `place` is stage and model.
    """
    closings = [
        _closing(signed, place, platform, moment)
        for signed in verified.of_type(VEX)
        if _scope(signed) == place and any(each in names for each in _named(signed))
    ]
    return tuple(sorted(closings, key=lambda each: (bool(each.refused), each.envelope)))


def _scope(signed: SignedStatement) -> tuple[str, str]:
    predicate = dict(signed.statement.predicate)
    stage, model = (text_member(predicate, "scope", name) for name in ("environment", "model"))
    return stage, model


def _named(signed: SignedStatement) -> Iterator[str]:
    """Yield the vulnerabilities that a statement is about."""
    for statement in _statements(signed):
        yield text_member(statement, "vulnerability", "name").upper()


def _statements(signed: SignedStatement) -> list[dict[str, JsonValue]]:
    listed = member(dict(signed.statement.predicate), "document", "statements")
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _closing(
    signed: SignedStatement, place: tuple[str, str], platform: Platform, moment: datetime
) -> VexClosing:
    statuses = {text_member(each, "status") for each in _statements(signed)}
    until = _end(signed)
    return VexClosing(
        signed.envelope,
        signed.signer,
        " and ".join(sorted(statuses)),
        until,
        _signer_refusal(signed, place, platform, moment)
        or _terms_fault(signed, statuses, until, moment),
        signed.statement.signed_at,
    )


def _signer_refusal(
    signed: SignedStatement, place: tuple[str, str], platform: Platform, moment: datetime
) -> str:
    """Return why the signer may not say so; empty if they may."""
    stage, model = platform.stage(place[0]), place[1]
    person = next((each for each in platform.people if each.name == signed.signer), None)
    if signed.kind != "person" or person is None:
        return f"{signed.signer} is no person of platform.toml"
    if stage is None:
        return f"platform.toml lists no stage {place[0]}"
    refused = role_refusal(person, platform, stage, model) or time_refusal(person, moment)
    return refused and f"{signed.signer} {refused}"


def _terms_fault(
    signed: SignedStatement, statuses: set[str], until: datetime | None, moment: datetime
) -> str:
    """Return why the statement itself does not close anything; empty if it does."""
    signed_at = signed.statement.signed_at
    document = member(dict(signed.statement.predicate), "document")
    is_known = signed.statement.predicate.get("version") == 1
    if not is_known or signed_at is None or text_member(document, "@context") != CONTEXT:
        return "it is not complete"
    if not statuses or not statuses <= set(get_args(VexStatus)):
        return f"its status is {', '.join(sorted(statuses)) or 'not there'}"
    if until is None:
        return "it ends on no day that can be read"
    if until <= moment:
        return f"it ended on {until:%Y-%m-%d}"
    return "" if until <= signed_at + LONGEST else "it runs for more than a year"


def _end(signed: SignedStatement) -> datetime | None:
    try:
        return parse_time(text_member(dict(signed.statement.predicate), "scope", "until"))
    except InvalidInput:
        return None
