"""Which releases contain a part: live and past ones, with their stages and owners.

The answer is from signed bills of materials. A release whose bill cannot be read is an answer of
its own: nobody knows whether it contains the part.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from goldenpath.audit.registers.bill_of_materials import BillPart, PartQuery, bill_parts, match_of
from goldenpath.audit.timeline.live_model import Intent
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError
from goldenpath.promote.platform.alarm_rules import owner_of
from goldenpath.promote.platform.platform import Platform
from goldenpath.release.attest.policy import Verified
from goldenpath.release.attest.statement import SBOM, text_member


@dataclass(frozen=True, slots=True)
class ReleasePlace:
    """A stage that runs a release, or ran it."""

    stage: str
    state: Literal["live", "standby", "past"]
    """`standby`: its servers run without traffic, so that a rollback is quick."""
    since: datetime
    """When a commit first placed it there."""
    until: datetime | None
    """When a commit took it away the last time; None while it runs."""


@dataclass(frozen=True, slots=True)
class MatchedPart:
    """A part of a release that is what was asked for, or may be."""

    part: str
    is_certain: bool
    """False if the bill does not say enough, such as no version."""
    bill: Digest
    """The envelope of the bill that lists it."""


@dataclass(frozen=True, slots=True)
class AffectedRelease:
    """One release that contains the part, may contain it, or of which nobody knows."""

    release: Digest
    model: str
    owner: str
    """Empty if `platform.toml` names nobody."""
    places: tuple[ReleasePlace, ...]
    """Live ones first; empty if it was never in a stage."""
    parts: tuple[MatchedPart, ...]
    unknown: str = ""
    """Why it could not be found out; empty if it could."""

    @property
    def is_live(self) -> bool:
        """Whether a stage runs it by the commit in force, with or without traffic."""
        return any(each.state != "past" for each in self.places)


@dataclass(frozen=True, slots=True)
class AffectedRegister:
    """The answer about every release that the platform knows."""

    moment: datetime
    query: str
    affected: tuple[AffectedRelease, ...]
    could_not_find_out: tuple[AffectedRelease, ...]
    free: tuple[Digest, ...]
    """Releases whose bills were read and do not list the part."""
    unknown: tuple[str, ...]
    """Why there may be further releases."""
    beyond: tuple[str, ...]
    """What the answer does not cover."""


def affected_releases(
    query: PartQuery,
    releases: Iterable[Digest],
    statements: Callable[[Digest], Verified],
    history: Sequence[Intent],
    *,
    platform: Platform,
) -> tuple[AffectedRelease, ...]:
    """Return the answer for each release, the live ones first. One without parts is free of it."""
    answers = (_answer(query, each, statements, history, platform=platform) for each in releases)
    return tuple(sorted(answers, key=lambda each: (not each.is_live, each.model, each.release)))


def _answer(
    query: PartQuery,
    release: Digest,
    statements: Callable[[Digest], Verified],
    history: Sequence[Intent],
    *,
    platform: Platform,
) -> AffectedRelease:
    model = next((each.model for each in history if _places(each, release)), "")
    own = [each for each in history if each.model == model]
    try:
        verified = statements(release)
        found, named, unknown = _matches(query, verified)
    except GoldenPathError as error:
        found, named, unknown = (), "", error.message
    owner = owner_of(platform.owners, model or named)
    return AffectedRelease(
        release,
        model or named,
        "" if owner is None else owner.name,
        release_places(release, own),
        found,
        # What was found stands, whatever else could not be read.
        "" if found else unknown,
    )


def _matches(query: PartQuery, verified: Verified) -> tuple[tuple[MatchedPart, ...], str, str]:
    """Return the parts that match, the model by the bills, and what could not be read.

    Every bill counts: a later one cannot hide a part that an earlier one lists.
    """
    bills = verified.of_type(SBOM)
    model = ""
    found: list[MatchedPart] = []
    for signed in bills:
        bill = signed.statement.predicate
        model = model or text_member(dict(bill), "metadata", "component", "name")
        found += [
            MatchedPart(part.text, match == "contains", signed.envelope)
            for part, match in _matching(bill_parts(bill), query)
        ]
    if not bills:
        return (), model, "no bill of materials is signed by a key that counts"
    return tuple(found), model, verified.unread


def _matching(parts: Sequence[BillPart], query: PartQuery) -> Iterable[tuple[BillPart, str]]:
    return ((part, match) for part in parts if (match := match_of(part, query)))


def _places(intent: Intent, release: Digest) -> bool:
    return any(slot.digest == release for slot in intent.slots) or _is_standby(intent, release)


def _is_standby(intent: Intent, release: Digest) -> bool:
    return intent.standby == release.text


def release_places(release: Digest, history: Sequence[Intent]) -> tuple[ReleasePlace, ...]:
    """Return the stages of a release, by the history of its model."""
    since: dict[str, datetime] = {}
    until: dict[str, datetime | None] = {}
    last: dict[str, Intent] = {}
    for intent in history:
        last[intent.stage] = intent
        if _places(intent, release):
            since.setdefault(intent.stage, intent.time)
            until[intent.stage] = None
        elif intent.stage in since:
            until[intent.stage] = until[intent.stage] or intent.time
    places = [
        ReleasePlace(stage, _state(last[stage], release), begun, until[stage])
        for stage, begun in since.items()
    ]
    return tuple(sorted(places, key=lambda each: (each.state == "past", each.stage)))


def _state(intent: Intent, release: Digest) -> Literal["live", "standby", "past"]:
    if not _places(intent, release):
        return "past"
    return "standby" if _is_standby(intent, release) else "live"
