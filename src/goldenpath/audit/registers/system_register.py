"""The register of systems: every model that a signed commit ever placed, and where it is now.

It is a function of commits, of the platform file, and of what releases declare. What none of them
says is unknown, with the reason.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from goldenpath.audit.registers.system_declaration import RegisterFact, SystemDeclaration
from goldenpath.audit.registers.system_findings import OpenFinding
from goldenpath.audit.timeline.live_model import Intent
from goldenpath.audit.timeline.moment import show_moment
from goldenpath.digest import Digest
from goldenpath.promote.platform.alarm_rules import owner_of
from goldenpath.promote.platform.platform import Platform

StageState = Literal["live", "canary", "removed", "retired", "stopped"]
"""`live` is what git declares: whether it runs is for `goldenpath at` to say."""


@dataclass(frozen=True, slots=True)
class PlacedRelease:
    """One release in a stage, and its share of the traffic in percent."""

    digest: Digest
    percent: int


@dataclass(frozen=True, slots=True)
class StageRecord:
    """One system in one stage, by the commit in force."""

    stage: str
    state: StageState
    releases: tuple[PlacedRelease, ...]
    """The stable release first; those that were there last if there is none now."""
    since: datetime
    """When the commit in force came."""
    commit: str
    signer: str
    """Who signed the commit; empty if no listed key did."""
    reason: str
    confirmed_by: tuple[str, ...] = ()
    """Who else signed the commit that retired it."""


@dataclass(frozen=True, slots=True)
class SystemRecord:
    """One system, which is one model by its name."""

    model: str
    release: Digest
    """The release that tier and owner are from: the stable one of the last stage that has it."""
    tier: RegisterFact
    owner: RegisterFact
    """Who answers for it, by `platform.toml`."""
    declared_owner: RegisterFact
    """Who owns it, by the statement inside the release."""
    classified_by: RegisterFact
    first_service: RegisterFact
    """When a commit first gave it traffic in the last stage of the platform."""
    renewed: RegisterFact
    """Why the release was trained again, as a person signed it."""
    stages: tuple[StageRecord, ...]
    findings: tuple[OpenFinding, ...]
    """The open ones, the longest open first."""

    @property
    def longest_open(self) -> OpenFinding | None:
        """The finding that is open for the longest time."""
        return self.findings[0] if self.findings else None


@dataclass(frozen=True, slots=True)
class SystemRegister:
    """Every system of a platform at a moment."""

    moment: datetime
    commit: str
    """The commit up to which git was read and verified."""
    systems: tuple[SystemRecord, ...]
    beyond: tuple[str, ...]
    """What this register cannot know, or could not find out."""


def systems(
    history: Sequence[Intent],
    platform: Platform,
    declare: Callable[[Digest], SystemDeclaration],
    findings: Mapping[str, Sequence[OpenFinding]],
) -> tuple[SystemRecord, ...]:
    """Return every model that the history ever placed, by name.

    `declare` reads what a release declares, `findings` are the open ones by model.
    """
    names = sorted({each.model for each in history if each.slots})
    return tuple(
        _system(
            name,
            [each for each in history if each.model == name],
            platform,
            declare,
            findings=findings.get(name, ()),
        )
        for name in names
    )


def _system(
    name: str,
    history: Sequence[Intent],
    platform: Platform,
    declare: Callable[[Digest], SystemDeclaration],
    *,
    findings: Sequence[OpenFinding],
) -> SystemRecord:
    order = [stage.name for stage in platform.stages]
    stages = _stages(history, order)
    running = [each for each in stages if each.state in ("live", "canary")] or list(stages)
    release = running[-1].releases[0].digest
    declared = declare(release)
    owner = owner_of(platform.owners, name)
    return SystemRecord(
        name,
        release,
        declared.tier,
        RegisterFact(owner.name, "platform.toml")
        if owner is not None
        else RegisterFact(unknown="platform.toml names no owner for it"),
        declared.owner,
        declared.approved_by,
        _first_service(history, order[-1]),
        declared.renewed,
        stages,
        tuple(sorted(findings, key=lambda each: (each.since, each.message))),
    )


def _stages(history: Sequence[Intent], order: Sequence[str]) -> tuple[StageRecord, ...]:
    """Return the stages of a model: in the order of the platform, those it has no more first."""
    last: dict[str, Intent] = {}
    placed: dict[str, tuple[PlacedRelease, ...]] = {}
    for intent in history:
        last[intent.stage] = intent
        if intent.slots:
            placed[intent.stage] = tuple(
                PlacedRelease(slot.digest, slot.percent) for slot in intent.slots
            )
    ranks = {stage: rank for rank, stage in enumerate(order)}
    return tuple(
        StageRecord(
            stage,
            _state(last[stage]),
            placed[stage],
            last[stage].time,
            last[stage].commit,
            last[stage].signer,
            last[stage].reason,
            last[stage].approved_by if last[stage].absence else (),
        )
        for stage in sorted(placed, key=lambda each: (ranks.get(each, -1), each))
    )


def _state(intent: Intent) -> StageState:
    if intent.absence:
        return intent.absence
    return "canary" if len(intent.slots) > 1 else "live"


def _first_service(history: Sequence[Intent], production: str) -> RegisterFact:
    served = (
        each
        for each in history
        if each.stage == production and any(slot.percent for slot in each.slots)
    )
    first = next(served, None)
    if first is None:
        return RegisterFact(unknown=f"no commit gave it traffic in {production} yet")
    return RegisterFact(show_moment(first.time), f"commit {first.commit[:12]}, {first.time_by}")
