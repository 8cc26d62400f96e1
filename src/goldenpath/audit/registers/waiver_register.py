"""The register of waivers: who let which closed gate pass, until when, and what relied on it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from goldenpath.audit.timeline.live_model import Intent
from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.promote.gates.approval import role_refusal, time_refusal
from goldenpath.promote.gates.waiver import end_of, terms_fault
from goldenpath.promote.platform.platform import Platform
from goldenpath.release.attest.policy import SignedStatement, Verified
from goldenpath.release.attest.statement import DECISION, WAIVER, text_member

WaiverStanding = Literal["open", "expired", "not valid", "gone"]
"""`gone`: a decision cites it, and the store does not return it with a signature that counts."""


@dataclass(frozen=True, slots=True)
class WaiverUse:
    """A signed decision that relied on the waiver, and the commit that relied on the decision."""

    decision: Digest
    by: str
    """Who signed the decision, and so promoted."""
    model: str
    stage: str
    decided_at: datetime | None
    commit: str
    """Empty if no commit on `main` names the decision."""
    is_live: bool = False
    """Whether the stage runs the release by the commit in force."""


@dataclass(frozen=True, slots=True)
class RecordedWaiver:
    """One waiver about one release. Texts are those of the signed statement."""

    release: Digest
    envelope: Digest
    standing: WaiverStanding
    note: str
    """Why it is not open; empty if it is."""
    model: str = ""
    stage: str = ""
    gate: str = ""
    by: str = ""
    reason: str = ""
    signed_at: datetime | None = None
    until: datetime | None = None
    used_by: tuple[WaiverUse, ...] = ()


@dataclass(frozen=True, slots=True)
class WaiverRegister:
    """Every waiver of a platform at a moment."""

    moment: datetime
    waivers: tuple[RecordedWaiver, ...]
    """The open ones first, then those that are gone, expired, or not valid."""
    unknown: tuple[str, ...]
    """Releases whose waivers could not be found out, each with the reason."""


def waivers_of(
    verified: Verified, platform: Platform, history: Sequence[Intent], moment: datetime
) -> Iterator[RecordedWaiver]:
    """Yield every waiver about one release, with the decisions that relied on it."""
    uses = _uses(verified, history)
    known = {each.envelope: each for each in verified.of_type(WAIVER)}
    for envelope, signed in sorted(known.items()):
        record = _record(signed, verified.subject, platform, moment)
        yield replace(record, used_by=uses.pop(envelope, ()))
    for envelope, decisions in sorted(uses.items()):
        cause = "has no signature that counts" if envelope in verified.present else "is not there"
        note = f"a decision relied on it, and it {cause}"
        model, stage = decisions[0].model, decisions[0].stage
        yield RecordedWaiver(
            verified.subject, envelope, "gone", note, model, stage, used_by=decisions
        )


def ordered(waivers: Iterable[RecordedWaiver]) -> tuple[RecordedWaiver, ...]:
    """Return waivers with the open ones first, and those that end soonest before the others."""
    order: Mapping[WaiverStanding, int] = {"open": 0, "gone": 1, "expired": 2, "not valid": 3}
    return tuple(
        sorted(
            waivers,
            key=lambda each: (
                order[each.standing],
                each.until.timestamp() if each.until else 0.0,
                each.envelope,
            ),
        )
    )


def _record(
    signed: SignedStatement, release: Digest, platform: Platform, moment: datetime
) -> RecordedWaiver:
    predicate = dict(signed.statement.predicate)
    until = end_of(signed)
    standing: WaiverStanding = "open"
    note = _refusal(signed, platform, moment) or terms_fault(signed, moment)
    if note:
        standing = "expired" if until is not None and until <= moment else "not valid"
    return RecordedWaiver(
        release,
        signed.envelope,
        standing,
        note,
        text_member(predicate, "scope", "model"),
        text_member(predicate, "scope", "environment"),
        text_member(predicate, "gate"),
        signed.signer,
        text_member(predicate, "reason"),
        signed.statement.signed_at,
        until,
    )


def _refusal(signed: SignedStatement, platform: Platform, moment: datetime) -> str:
    """Return why the signer may not waive there; empty if they may.

    Whether they wrote a part of the release is for the gates of a promotion to judge.
    """
    predicate = dict(signed.statement.predicate)
    stage = platform.stage(text_member(predicate, "scope", "environment"))
    person = next((each for each in platform.people if each.name == signed.signer), None)
    if signed.kind != "person" or person is None:
        return f"{signed.signer} is no person of platform.toml"
    if stage is None:
        return "it is for a stage that platform.toml does not list"
    refused = role_refusal(person, platform, stage, text_member(predicate, "scope", "model"))
    refused = refused or time_refusal(person, moment)
    return refused and f"{signed.signer} {refused}"


def _uses(verified: Verified, history: Sequence[Intent]) -> dict[Digest, tuple[WaiverUse, ...]]:
    """Return the decisions that cite each waiver."""
    commits = {each.decision: each.commit for each in history if each.decision}
    in_force = {(each.stage, each.model): each for each in history}
    running = {
        stage
        for (stage, _), intent in in_force.items()
        if any(slot.digest == verified.subject for slot in intent.slots)
    }
    uses: dict[Digest, tuple[WaiverUse, ...]] = {}
    for decision in verified.of_type(DECISION):
        predicate = dict(decision.statement.predicate)
        stage, commit = text_member(predicate, "stage"), commits.get(decision.envelope.text, "")
        use = WaiverUse(
            decision.envelope,
            decision.signer,
            text_member(predicate, "model"),
            stage,
            decision.statement.signed_at,
            commit,
            bool(commit) and stage in running,
        )
        for envelope in _cited(predicate.get("waivers")):
            uses[envelope] = (*uses.get(envelope, ()), use)
    return uses


def _cited(value: JsonValue) -> Iterator[Digest]:
    for text in value if isinstance(value, list) else ():
        try:
            yield Digest(str(text))
        except InvalidInput:  # names no statement that could be there
            continue
