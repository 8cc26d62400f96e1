"""Decides which releases stay in the registry, from git, the rules of the log and its records.

A release stays while a stage has it or would go back to it, while the prediction log has records of
it, and as long after it left as the stage keeps records. Answers about that time need it. What
cannot be decided stays.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from goldenpath.audit.timeline.live_model import Intent
from goldenpath.oci.descriptor import IMAGE_CONFIG
from goldenpath.oci.manifest import Manifest
from goldenpath.oci.upkeep.layout_census import LayoutRoot
from goldenpath.release.artifact.pack import REVISION
from goldenpath.release.artifact.release_tags import CREATED, RELEASE_TAG_FORM


@dataclass(frozen=True, slots=True)
class KeepingRules:
    """How long releases stay at least."""

    records: Mapping[str, timedelta]
    """How long each stage keeps records, by its name; 0 means without end."""
    after_leaving: timedelta
    """How long a release stays after it left its last stage."""
    never_placed: timedelta
    """How long a release stays that never entered a stage, from its last statement on."""


@dataclass(frozen=True, slots=True)
class KeepingVerdict:
    """Whether a release stays, and why."""

    digest: str
    names: tuple[str, ...]
    stays: bool
    reason: str


@dataclass(frozen=True, slots=True)
class StageStay:
    """The time of a release in a stage."""

    stage: str
    model: str
    until: datetime | None
    """When it left for the last time; None while it is there."""
    is_before: bool = False
    """Whether it is the release to which a rollback goes back."""


def stage_stays(history: Sequence[Intent]) -> Mapping[str, tuple[StageStay, ...]]:
    """Return where each release was and when it left, by digest. `history` is in order.

    A stopped deployment keeps its releases.
    """
    by_place: dict[tuple[str, str], list[Intent]] = {}
    for intent in history:
        by_place.setdefault((intent.stage, intent.model), []).append(intent)
    stays: dict[str, list[StageStay]] = {}
    for (stage, model), intents in by_place.items():
        present: dict[str, datetime | None] = {}
        stable = before = ""
        for intent in intents:
            if intent.absence == "stopped":
                continue
            placed = _placed(intent)
            for digest in present:
                if present[digest] is None and digest not in placed:
                    present[digest] = intent.time
            present |= dict.fromkeys(placed)
            if placed and placed[0] != stable:
                stable, before = placed[0], stable
        for digest, until in present.items():
            stays.setdefault(digest, []).append(StageStay(stage, model, until, digest == before))
    return {digest: tuple(each) for digest, each in stays.items()}


def judge_releases(
    roots: Sequence[LayoutRoot],
    stays: Mapping[str, Sequence[StageStay]],
    in_log: Collection[str],
    *,
    rules: KeepingRules,
    now: datetime,
) -> Iterator[KeepingVerdict]:
    """Yield a verdict on each root of a layout. `in_log` are digests with records."""
    for root in roots:
        digest = root.digest.text
        reason = _no_release(root) or next(_reasons(root, stays, in_log, rules=rules, now=now), "")
        if reason:
            yield KeepingVerdict(digest, root.names, True, reason)
            continue
        left = max((each.until for each in stays.get(digest, ()) if each.until), default=None)
        stored = datetime.fromtimestamp(root.stored_at, UTC)
        gone = f"left its last stage on {left:%Y-%m-%d}" if left else _never(stored)
        yield KeepingVerdict(digest, root.names, False, gone)


def _never(stored: datetime) -> str:
    return f"never entered a stage, its last statement is of {stored:%Y-%m-%d}"


def _reasons(
    root: LayoutRoot,
    stays: Mapping[str, Sequence[StageStay]],
    in_log: Collection[str],
    *,
    rules: KeepingRules,
    now: datetime,
) -> Iterator[str]:
    """Yield why a release stays."""
    places = stays.get(root.digest.text, ())
    yield from (f"is in {each.stage}/{each.model}" for each in places if each.until is None)
    yield from (f"{each.stage}/{each.model} had it before" for each in places if each.is_before)
    if root.digest.text in in_log:
        yield "the prediction log has records of it"
    for each in places:
        kept = rules.records.get(each.stage)
        if kept is None:
            yield f"was in {each.stage}, and no rule says how long that stage keeps records"
        elif not kept:
            yield f"was in {each.stage}, which keeps records without end"
        elif each.until is not None and now - each.until < max(kept, rules.after_leaving):
            ends = each.until + max(kept, rules.after_leaving)
            yield f"was in {each.stage}, under retention until {ends:%Y-%m-%d}"
    stored = datetime.fromtimestamp(root.stored_at, UTC)
    if not places and now - stored < rules.never_placed:
        yield f"{_never(stored)}, stays until {stored + rules.never_placed:%Y-%m-%d}"


def _no_release(root: LayoutRoot) -> str:
    """Return why a manifest is not a release that a build stored; empty if it is one."""
    if not root.is_noted:
        return "another tool stored it"
    manifest = root.manifest
    is_image = isinstance(manifest, Manifest) and manifest.config.media_type == IMAGE_CONFIG
    if not is_image or manifest.subject or not manifest.annotations.keys() >= {CREATED, REVISION}:
        return "is not a release"
    others = [name for name in root.names if re.fullmatch(RELEASE_TAG_FORM, name) is None]
    return f"somebody named it {others[0]}" if others else ""


def _placed(intent: Intent) -> tuple[str, ...]:
    standby = (intent.standby,) if intent.standby else ()
    return (*(slot.digest.text for slot in intent.slots), *standby)
