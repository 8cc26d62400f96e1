"""What a stolen key may have touched: releases, approvals that relied on them, and answers.

It is asked before the key is revoked, while its statements still count.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from goldenpath.audit.answers.predictions import Minute, answers_between
from goldenpath.audit.registers.affected import ReleasePlace, release_places
from goldenpath.audit.registers.known_releases import known_releases
from goldenpath.audit.registers.signed_records import SignedRecords
from goldenpath.audit.timeline.live_model import Intent
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError
from goldenpath.home import Home
from goldenpath.release.attest.policy import SignedStatement, Verified
from goldenpath.release.attest.statement import APPROVAL, DECISION, WAIVER, text_member


@dataclass(frozen=True, slots=True)
class TouchedJudgement:
    """What a person signed about a release that the key touched."""

    kind: Literal["approval", "decision", "waiver"]
    by: str
    stage: str
    signed_at: datetime | None
    envelope: Digest


@dataclass(frozen=True, slots=True)
class TouchedRelease:
    """A release about which the key signed something."""

    release: Digest
    model: str
    signed: Literal["since then", "before, and no commit placed it by then"]
    """Only the signer states when it signed: a thief can write an earlier time."""
    statements: int
    places: tuple[ReleasePlace, ...]
    judgements: tuple[TouchedJudgement, ...]
    answers: int | None
    """Answers that it gave since then, by the prediction log here; None if that is not known."""


@dataclass(frozen=True, slots=True)
class KeyReach:
    """Everything that a key may have touched since a time."""

    key: str
    since: datetime
    releases: tuple[TouchedRelease, ...]
    unknown: tuple[str, ...]


def key_reach(records: SignedRecords, home: Home, key: str, since: datetime) -> KeyReach:
    """Return what the key touched since a time. What cannot be read is named."""
    history = records.history()
    known = known_releases(records, history, home)
    answers = answers_between(home, since, records.moment)
    unknown = [*known.unknown]
    if answers is None:
        unknown.append("which answers were touched: there is no prediction log on this machine")
    releases: list[TouchedRelease] = []
    for digest in known.digests:
        try:
            verified = records.statements(digest)
        except GoldenPathError as error:
            unknown.append(f"whether {digest} is touched: {error.message}")
        else:
            releases += _touched(verified, key, since, history, answers=answers)
    return KeyReach(key, since, tuple(releases), tuple(unknown))


def _touched(
    verified: Verified,
    key: str,
    since: datetime,
    history: Sequence[Intent],
    *,
    answers: Minute | None,
) -> Iterator[TouchedRelease]:
    own = [each for each in verified.statements if each.signer == key]
    later = [each for each in own if _is_later(each, since)]
    release = verified.subject
    placed = [each for each in history if any(slot.digest == release for slot in each.slots)]
    is_early = bool(placed) and placed[0].time < since
    if not own or (not later and is_early):
        return
    model = placed[0].model if placed else ""
    counted = None if answers is None else _answers(answers, release)
    yield TouchedRelease(
        release,
        model,
        "since then" if later else "before, and no commit placed it by then",
        len(later or own),
        release_places(release, [each for each in history if each.model == model]),
        tuple(_judgements(verified)),
        counted,
    )


def _is_later(signed: SignedStatement, since: datetime) -> bool:
    """Whether it was signed since then; one without a time may have been."""
    moment = signed.statement.signed_at
    return moment is None or moment >= since


def _answers(answers: Minute, release: Digest) -> int:
    return sum(counts[release.text] for counts in answers.by_release.values())


def _judgements(verified: Verified) -> Iterator[TouchedJudgement]:
    kinds: tuple[tuple[Literal["approval", "decision", "waiver"], str], ...] = (
        ("approval", APPROVAL), ("decision", DECISION), ("waiver", WAIVER),
    )  # fmt: skip
    for kind, predicate_type in kinds:
        for signed in verified.of_type(predicate_type):
            predicate = dict(signed.statement.predicate)
            stage = text_member(predicate, "scope", "environment")
            yield TouchedJudgement(
                kind,
                signed.signer,
                stage or text_member(predicate, "stage"),
                signed.statement.signed_at,
                signed.envelope,
            )
