"""How a named person closes a finding: a signed statement, an event, and then the finding.

The statement stands in `findings/closed/` beside the finding and in the audit log. Only a listed
person's signature makes it count; a finding that merely says that it was closed is not believed.
"""

import dataclasses
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from goldenpath.audit.events.event import Event
from goldenpath.audit.events.finding_closure import NAMESPACE, FindingClosure
from goldenpath.audit.events.signed_event import unlisted
from goldenpath.canonical import JsonValue
from goldenpath.errors import GoldenPathError, InvalidInput, VerificationError
from goldenpath.files import write_whole
from goldenpath.home import Home
from goldenpath.observe.drift.findings import (
    ADVISORY,
    MONITOR,
    VEX_STATEMENT,
    DriftFinding,
    load,
    resolved,
    save,
)
from goldenpath.observe.log.segment import checked_name
from goldenpath.parsers.typed import read_typed
from goldenpath.promote.platform.model_limits import limit_refusal
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.identity import Identity, require_listed, signing_person
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.sshsig import verify
from goldenpath.times import timestamp

MOST_REASON = 2_000


class SignedClosure(msgspec.Struct, frozen=True):
    """A closure with its signature, as stored beside the finding."""

    closure: FindingClosure
    signature: str
    """Armoured SSH signature over the canonical JSON of the closure."""


def close_finding(
    home: Home,
    name: str,
    reason: str,
    *,
    acting: Identity,
    platform: Platform,
    now: datetime,
    append: Callable[[Event], object],
) -> DriftFinding:
    """Close a finding for a listed person, and return it.

    A process that is killed on the way leaves the finding open, and never one that is closed
    without its event. Raises `NotFound`, and `InvalidInput` if this person may not close it.
    """
    finding = load(home.findings, name)
    if finding.kind == ADVISORY:
        raise InvalidInput(
            f"finding {name} is about an advisory: only a VEX statement closes it, until a day",
            hint=f"goldenpath findings vex {name} --justification … --reason … --until DAY",
        )
    person = require_listed(acting, platform, now)
    text = " ".join(reason.split())
    if refusal := limit_refusal(person, platform.role_limits, finding.model):
        raise InvalidInput(f"{person.name} {refusal}", hint="another listed person has to act")
    if not text or len(text) > MOST_REASON:
        raise InvalidInput(
            f"finding {name} is closed with a reason only: expected 1 to {MOST_REASON} letters",
            hint="give it with --reason",
        )
    _require_open(home.findings, finding, platform.people)
    closure = FindingClosure(
        finding.id, finding.stage, finding.model, finding.release, finding.opened_at,
        timestamp(now), person.name, text,
    )  # fmt: skip
    signed = SignedClosure(closure, acting.key.sign(closure.message, NAMESPACE))
    write_whole(_path(home.findings, name), msgspec.json.encode(signed))
    append(_event(signed))
    closed = resolved(finding, person.name, text, now)
    save(home.findings, closed)
    return closed


def _require_open(findings: Path, finding: DriftFinding, people: Sequence[Person]) -> None:
    """Raise `InvalidInput` if the finding ended. A closing that nobody signed is none."""
    match listed(findings, finding, people):
        case ListedFinding(signed_by=signer) if signer:
            raise InvalidInput(f"finding {finding.id} was closed by {signer} already")
        case ListedFinding(fault="") if finding.state != "open":
            raise InvalidInput(f"finding {finding.id} was resolved by the monitor already")


def closer_of(findings: Path, finding: DriftFinding, people: Sequence[Person]) -> str:
    """Return the listed person whose signature closed a finding.

    Raises `VerificationError` if it is not closed by one: no statement, another finding, a wrong
    signature, or a signature by somebody else.
    """
    try:
        signed = read_typed(_path(findings, finding.id), SignedClosure)
    except FileNotFoundError as error:
        raise VerificationError(f"nobody signed that finding {finding.id} is closed") from error
    except GoldenPathError as error:
        raise VerificationError(f"finding {finding.id}: {error.message}") from error
    closure = signed.closure
    about = (closure.finding, closure.stage, closure.model, closure.release, closure.opened_at)
    expected = (finding.id, finding.stage, finding.model, finding.release, finding.opened_at)
    # An earlier end would open a gate that was closed when a release entered.
    if (*about, closure.closed_at) != (*expected, finding.resolved_at):
        raise VerificationError(f"the statement that closed {finding.id} is about another finding")
    key = verify(signed.signature, closure.message, NAMESPACE)
    moment = datetime.fromisoformat(closure.closed_at)
    person = signing_person(people, closure.closed_by, key)
    if person is None:
        raise VerificationError(unlisted(closure.closed_by))
    if not was_listed(person, moment):
        raise VerificationError(f"{person.name} was not listed at {closure.closed_at}")
    return person.name


def was_listed(person: Person, moment: datetime) -> bool:
    """Whether what the person signed at a moment counts."""
    begins, ends = person.valid_from, person.valid_until
    return (begins is None or begins <= moment) and (ends is None or moment < ends)


def _path(findings: Path, name: str) -> Path:
    return findings / "closed" / f"{checked_name(name)}.json"


def _event(signed: SignedClosure) -> Event:
    closure = signed.closure
    details: dict[str, JsonValue] = {
        "finding": closure.finding,
        "reason": closure.reason,
        "statement": closure.message.decode(),
        "signature": signed.signature,
    }
    return Event(
        closure.closed_at, "drift.closed", closure.closed_by, closure.stage, closure.model,
        closure.release, details=details,
    )  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class ListedFinding:
    """A finding, and whether a listed person's signature closed it."""

    finding: DriftFinding
    signed_by: str = ""
    """Empty if no person closed it, or if no valid signature did."""
    fault: str = ""
    """Why the closing by a person is not believed; empty if it is, or if none closed it."""
    owner: str = ""
    """Who answers for the model, by `platform.toml`; empty if it names nobody."""
    due: str = ""
    """When the time limit ends, RFC 3339 in UTC; empty if none is set."""
    is_overdue: bool = False
    closed_until: str = ""
    """The VEX statement that closes it now, in one sentence; empty if none does."""

    @property
    def is_open(self) -> bool:
        """Whether nothing has ended it that can be believed."""
        return not self.closed_until and (self.finding.state == "open" or bool(self.fault))


def listed(findings: Path, finding: DriftFinding, people: Sequence[Person]) -> ListedFinding:
    """Return a finding with what its signature says."""
    if finding.state == "open" or finding.resolved_by == MONITOR:
        return ListedFinding(finding)
    if finding.resolved_by == VEX_STATEMENT:
        return ListedFinding(finding, fault="no VEX statement that counts closes it now")
    try:
        return ListedFinding(finding, signed_by=closer_of(findings, finding, people))
    except VerificationError as error:
        return ListedFinding(finding, fault=error.message)
