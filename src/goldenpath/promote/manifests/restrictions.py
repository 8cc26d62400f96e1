"""What keeps a deployment as it is: a hold, a freeze, broken glass; and commits that ignore it.

The verbs refuse them at once. Who commits by hand gets past the verbs, so the chain of commits is
held to the same rules, and nobody follows one that breaks them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.promote.manifests.deployment_files import parse_deployments, service_path
from goldenpath.promote.manifests.desired import Deployment, Mark, MarkKind, Placement, Restrictions
from goldenpath.promote.manifests.placement import is_marked, parse_placement
from goldenpath.promote.platform.break_glass import BreakGlass, may_break
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.release.attest.policy import Person

SKEW = timedelta(minutes=15)
"""How far the clock of who breaks the glass may be from that of the commit."""


def marks(standing: Restrictions | None, now: datetime) -> tuple[Mark, ...]:
    """What to show of a deployment."""
    if standing is None:
        return ()
    found = [Mark("hold", f"on hold: {standing.hold}")] if standing.hold else []
    if standing.glass is not None:
        kind: MarkKind = "overdue" if standing.glass.is_overdue(now) else "glass"
        found.append(Mark(kind, standing.glass.words(now)))
    return tuple(found)


def freezes(platform: Platform, now: datetime) -> tuple[Mark, ...]:
    """What to show of the stages."""
    frozen = ((stage.name, stage.frozen(now)) for stage in platform.stages)
    return tuple(
        Mark("freeze", f"{name} is frozen until {_minutes(each.end)}: {each.reason}")
        for name, each in frozen
        if each is not None
    )


def holds_when_overdue(stage: Stage) -> bool:
    """Whether nothing moves once the time for a second person is over."""
    return stage.glass is None or stage.glass.overdue == "hold"


@dataclass(frozen=True, slots=True)
class Files:
    """Both files of a deployment in one commit; None where one is not there."""

    service: bytes | None
    release: bytes | None


@dataclass(frozen=True, slots=True)
class Step:
    """One commit on one deployment, and whether a release was the stable one there before."""

    before: Files
    after: Files
    stage: Stage
    model: str
    signer: str
    time: datetime
    was_stable: Callable[[Digest], bool]

    @property
    def name(self) -> str:
        """`stage/model`."""
        return f"{self.stage.name}/{self.model}"


def refusal(step: Step, platform: Platform) -> str:
    """Why nobody follows the commit, in words; empty if it keeps to hold, freeze and glass."""
    freeze = step.stage.frozen(step.time)
    is_about = is_marked(step.before.release) or is_marked(step.after.release)
    if freeze is None and not is_about:
        return ""  # nearly every commit: nothing of it has to be parsed
    old = _placement(step.before.release) if is_marked(step.before.release) else None
    try:
        new = None if step.after.release is None else parse_placement(step.after.release)
    except InvalidInput as error:
        return f"makes {step.name} unreadable: {error.message}" if old is not None else ""
    broken = new.glass if new is not None else None
    if broken is not None and (old is None or broken != old.glass):
        refused = _broken(step, broken, old, platform)
        return refused and f"breaks the glass of {step.name} {refused}"
    if old is not None and old.glass is not None and broken is None:
        refused = _ended(step, old.glass, old.digest, platform)
        if refused:
            return refused
    if not _moves_on(step, platform):
        return ""
    if old is not None and old.hold:
        return f"moves {step.name}, which is on hold: {old.hold}"
    if freeze is not None and broken is None:
        end = _minutes(freeze.end)
        return f"moves {step.name}, and {step.stage.name} is frozen until {end}: {freeze.reason}"
    return _overdue(step, old)


def _broken(step: Step, glass: BreakGlass, old: Placement | None, platform: Platform) -> str:
    rule = step.stage.glass
    person = next((each for each in platform.people if each.name == step.signer), None)
    if rule is None:
        return f"and {step.stage.name} has none"
    if old is not None and old.glass is not None:
        return f"while that of {old.glass.by} is open"
    if old is not None and old.hold:
        return f"and it is on hold: {old.hold}"
    if person is None or person.name != glass.by:
        return f"in the name of {glass.by}, and {step.signer} signed it"
    if not may_break(person, rule):
        return f"and {person.name} has none of the roles {', '.join(rule.roles)}"
    if glass.until > glass.since + rule.within or abs(step.time - glass.since) > SKEW:
        return "for longer than platform.toml allows"
    return ""


def _ended(step: Step, glass: BreakGlass, digest: Digest, platform: Platform) -> str:
    """Broken glass ends by a second person's commit, or with its release."""
    after = _deployment(step, step.after, platform)
    is_gone = after is None or digest not in {slot.digest for slot in after.slots}
    person = next((each for each in platform.people if each.name == step.signer), None)
    if is_gone and not _moves_on(step, platform):
        return ""
    if person is not None and person.name != glass.by and may_approve(person, step.stage):
        return ""
    return f"ends the broken glass of {step.name} without a second person: {glass.by} broke it"


def may_approve(person: Person, stage: Stage) -> bool:
    """Whether the person has a role whose word counts in the stage."""
    return not stage.approver_roles or bool(set(person.roles) & set(stage.approver_roles))


def _overdue(step: Step, old: Placement | None) -> str:
    glass = None if old is None else old.glass
    if glass is None or not glass.is_overdue(step.time) or not holds_when_overdue(step.stage):
        return ""
    return f"moves {step.name}: {glass.words(step.time)}"


def _moves_on(step: Step, platform: Platform) -> bool:
    """Whether a release comes in or grows; going back to one that was the stable never is that."""
    before, after = (_deployment(step, each, platform) for each in (step.before, step.after))
    if after is None:
        return False  # removed, or unreadable and so not followed
    slots = [(slot.digest, slot.percent) for slot in after.slots]
    if before is not None:
        if slots == [(slot.digest, slot.percent) for slot in before.slots]:
            return False
        if slots == [(before.slots[0].digest, 100)]:
            return False
    return len(slots) > 1 or not step.was_stable(slots[0][0])


def _deployment(step: Step, files: Files, platform: Platform) -> Deployment | None:
    if files.service is None:
        return None
    path = service_path(step.stage.name, step.model)
    try:
        (found,) = parse_deployments({path: files.service}, platform)
    except InvalidInput:
        return None
    return found


def _placement(content: bytes | None) -> Placement | None:
    try:
        return None if content is None else parse_placement(content)
    except InvalidInput:
        return None


def _minutes(time: datetime) -> str:
    return time.isoformat(timespec="minutes")
