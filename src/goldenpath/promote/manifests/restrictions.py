"""Restrictions on a deployment (hold, freeze, break-glass), and commits that violate them.

The verbs refuse such a change at once. A commit by hand does not pass through the verbs. So the
chain of commits is checked by the same rules, and nobody follows a commit that violates them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.promote.manifests.deployment_files import (
    RELEASE_FILE,
    is_applied_file,
    parse_deployments,
)
from goldenpath.promote.manifests.desired import Deployment, Mark, MarkKind, Placement, Restrictions
from goldenpath.promote.manifests.placement import is_marked, parse_placement
from goldenpath.promote.platform.break_glass import BreakGlass, may_use_break_glass
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.release.attest.policy import Person

_CHANGE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/#-]{0,63}")
SKEW = timedelta(minutes=15)
"""How far a break-glass record may begin after its commit was seen."""


def marks(restrictions: Restrictions | None, now: datetime) -> tuple[Mark, ...]:
    """Return the marks that a deployment is shown with."""
    if restrictions is None:
        return ()
    result = [Mark("hold", f"on hold: {restrictions.hold}")] if restrictions.hold else []
    if restrictions.break_glass is not None:
        kind: MarkKind = "overdue" if restrictions.break_glass.is_overdue(now) else "glass"
        result.append(Mark(kind, restrictions.break_glass.summary(now)))
    return tuple(result)


def freezes(platform: Platform, now: datetime) -> tuple[Mark, ...]:
    """Return a mark for each stage that is frozen at `now`."""
    frozen = ((stage.name, stage.frozen(now)) for stage in platform.stages)
    return tuple(
        Mark("freeze", f"{name} is frozen until {_minutes(each.end)}: {each.reason}")
        for name, each in frozen
        if each is not None
    )


def holds_when_overdue(stage: Stage) -> bool:
    """Whether the deployment is held once the deadline for the second person has passed."""
    return stage.break_glass is None or stage.break_glass.overdue == "hold"


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a deployment in one commit."""

    applied: Mapping[str, bytes]
    """Those that a cluster applies, by path; empty if the commit has no such deployment."""
    release: bytes | None
    """The release file; None without one."""

    @classmethod
    def of(cls, folder: str, contents: Mapping[str, bytes]) -> "Files":
        """Return the files of a folder from all of its contents by name."""
        applied = {
            f"{folder}/{name}": content
            for name, content in sorted(contents.items())
            if is_applied_file(name)
        }
        return cls(applied, contents.get(RELEASE_FILE))


@dataclass(frozen=True, slots=True)
class Step:
    """One commit on one deployment, with the files before and after it."""

    before: Files
    after: Files
    stage: Stage
    model: str
    signer: str
    time: datetime
    was_stable: Callable[[Digest], bool]
    """Whether a release was the stable one there before."""
    change: str = ""
    """The change of the bank that the commit names, by its trailer."""

    @property
    def name(self) -> str:
        """`stage/model`."""
        return f"{self.stage.name}/{self.model}"


def refusal(step: Step, platform: Platform) -> str:
    """Return why the commit is refused; empty if it respects hold, freeze and break-glass."""
    if step.stage.change_id and not is_change_id(step.change) and _enters(step, platform):
        return f"brings a release into {step.name} without the trailer Change: ID"
    freeze = step.stage.frozen(step.time)
    is_restricted = is_marked(step.before.release) or is_marked(step.after.release)
    if freeze is None and not is_restricted:
        return ""  # nearly every commit: nothing of it needs to be parsed
    try:
        old = _placement(step.before.release)
    except InvalidInput as error:
        return _unknown_refusal(step, platform, error)
    try:
        new = None if step.after.release is None else parse_placement(step.after.release)
    except InvalidInput as error:
        if old is not None:
            return f"makes {step.name} unreadable: {error.message}"
        new = None  # holds the deployment from now on, and excuses nothing
    return _record_refusal(step, old, new, platform) or _move_refusal(step, old, new, platform)


def _record_refusal(
    step: Step, old: Placement | None, new: Placement | None, platform: Platform
) -> str:
    """Return why the step may not begin or end break-glass as it does; empty if it may."""
    record = new.break_glass if new is not None else None
    if record is not None and (old is None or record != old.break_glass):
        refused = _opening_refusal(step, record, old, platform)
        return refused and f"uses break-glass in {step.name} {refused}"
    if old is not None and old.break_glass is not None and record is None:
        return _ending_refusal(step, old.break_glass, old.digest, platform)
    return ""


def _move_refusal(
    step: Step, old: Placement | None, new: Placement | None, platform: Platform
) -> str:
    """Return why nothing may enter or get more traffic now; empty if it does not, or it may."""
    record = new.break_glass if new is not None else None
    if record is not None and (old is None or record != old.break_glass):
        return ""  # break-glass begins with this step
    if not _moves_on(step, platform):
        return ""
    freeze = step.stage.frozen(step.time)
    if old is not None and old.hold:
        return f"moves {step.name}, which is on hold: {old.hold}"
    if freeze is not None and record is None:
        end = _minutes(freeze.end)
        return f"moves {step.name}, and {step.stage.name} is frozen until {end}: {freeze.reason}"
    return _overdue_refusal(step, old)


def is_change_id(text: str) -> bool:
    """Whether a text can be the ID of a change: one word of at most 64 letters."""
    return _CHANGE_ID.fullmatch(text) is not None


def _enters(step: Step, platform: Platform) -> bool:
    """Whether a release enters; an earlier stable one that no decision places goes back."""
    before, after = (_deployment(step, each, platform) for each in (step.before, step.after))
    if after is None:
        return False  # removed, or unreadable and so not followed
    known = set() if before is None else {slot.digest for slot in before.releases}
    entered = [slot.digest for slot in after.releases if slot.digest not in known]
    if not entered:
        return False
    try:
        placed = None if step.after.release is None else parse_placement(step.after.release)
    except InvalidInput:
        return True
    is_back = placed is not None and placed.decision is None and not placed.approvals
    return not (is_back and all(map(step.was_stable, entered)))


def _unknown_refusal(step: Step, platform: Platform, error: InvalidInput) -> str:
    """Return why the step is refused if nobody can read what restrictions there were before it.

    A person may repair the release file, as long as the commit brings nothing into the stage.
    """
    person = next((each for each in platform.people if each.name == step.signer), None)
    if person is not None and not _moves_on(step, platform):
        return ""
    return f"moves {step.name}, which may be on hold: before it, {error.message}"


def _opening_refusal(
    step: Step, record: BreakGlass, old: Placement | None, platform: Platform
) -> str:
    """Return why the step may not begin break-glass; empty if it may."""
    rule = step.stage.break_glass
    person = next((each for each in platform.people if each.name == step.signer), None)
    if rule is None:
        return f"and {step.stage.name} has no rules for it"
    if old is not None and old.break_glass is not None:
        return f"while the one by {old.break_glass.by} is open"
    if old is not None and old.hold:
        return f"and it is on hold: {old.hold}"
    if person is None or person.name != record.by:
        return f"in the name of {record.by}, but {step.signer} signed it"
    if not may_use_break_glass(person, rule):
        return f"and {person.name} has none of the roles {', '.join(rule.roles)}"
    # A record that begins early also ends early. Its commit may have been seen here late.
    if record.until > record.since + rule.within or record.since > step.time + SKEW:
        return "for longer than platform.toml allows"
    return ""


def _ending_refusal(step: Step, record: BreakGlass, digest: Digest, platform: Platform) -> str:
    """Return why the step may not end break-glass; empty if it may.

    It ends by a commit of a second person, or when its release is taken away.
    """
    after = _deployment(step, step.after, platform)
    is_gone = after is None or digest not in {slot.digest for slot in after.slots}
    person = next((each for each in platform.people if each.name == step.signer), None)
    if is_gone and not _moves_on(step, platform):
        return ""
    if person is not None and person.name != record.by and may_approve(person, step.stage):
        return ""
    return f"ends break-glass in {step.name} without a second person: {record.by} used it"


def may_approve(person: Person, stage: Stage) -> bool:
    """Whether the person has a role that may approve in the stage."""
    return not stage.approver_roles or bool(set(person.roles) & set(stage.approver_roles))


def _overdue_refusal(step: Step, old: Placement | None) -> str:
    record = None if old is None else old.break_glass
    if record is None or not record.is_overdue(step.time) or not holds_when_overdue(step.stage):
        return ""
    return f"moves {step.name}: {record.summary(step.time)}"


def _moves_on(step: Step, platform: Platform) -> bool:
    """Whether a release enters or gets more traffic; going back to an earlier stable one is not."""
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
    if not files.applied:
        return None
    try:
        (deployment,) = parse_deployments(files.applied, platform)
    except InvalidInput:
        return None
    return deployment


def _placement(content: bytes | None) -> Placement | None:
    """Return what may hold a restriction; None for a file that cannot. Raises `InvalidInput`."""
    return parse_placement(content) if content is not None and is_marked(content) else None


def _minutes(time: datetime) -> str:
    return time.isoformat(timespec="minutes")
