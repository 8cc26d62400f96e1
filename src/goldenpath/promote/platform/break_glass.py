"""Break-glass: in an emergency one person lets a release in, and a second stands for it in time.

What is overruled are people and calendars, never evidence: approvals that are not there yet, and a
freeze. It is on record everywhere until the second person approves.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from goldenpath.canonical import JsonValue
from goldenpath.errors import InvalidInput
from goldenpath.release.attest.policy import Finding, Person
from goldenpath.release.attest.statement import render_time

if TYPE_CHECKING:
    # A platform brings the language of its expressions, and who reads desired state needs none.
    from goldenpath.promote.platform.platform import BreakGlassRules, Stage

OVERRULED = ("approvals", "freeze")
"""Findings that broken glass waives."""
MIN_REASON = 10
"""Characters below which a reason is none."""


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """One release in one stage on one person's word, until a second person approves."""

    by: str
    reason: str
    since: datetime
    until: datetime
    """When the second person has to have approved."""

    def is_overdue(self, now: datetime) -> bool:
        """Whether the time for the second person is over."""
        return now >= self.until

    def words(self, now: datetime) -> str:
        """One sentence for people."""
        end = self.until.isoformat(timespec="minutes")
        state = f"a second person was due by {end}" if self.is_overdue(now) else (
            f"a second person has to approve by {end}"
        )  # fmt: skip
        return f"{self.by} broke the glass ({self.reason}): {state}"

    def to_json(self) -> dict[str, JsonValue]:
        """As decisions and `release.yaml` hold it."""
        return {
            "by": self.by,
            "reason": self.reason,
            "since": render_time(self.since),
            "until": render_time(self.until),
        }


def rule_of(stage: "Stage") -> "BreakGlassRules":
    """The rule of the stage. Raises `InvalidInput` if it has none."""
    if stage.glass is None:
        raise InvalidInput(
            f"{stage.name} has no glass to break",
            hint=f"two people may allow it: [stage.break-glass] for {stage.name} in platform.toml",
        )
    return stage.glass


def may_break(person: Person, rule: "BreakGlassRules") -> bool:
    """Whether the person has a role that may."""
    return not rule.roles or bool(set(person.roles) & set(rule.roles))


def break_glass(stage: "Stage", person: Person, reason: str, now: datetime) -> BreakGlass:
    """What is on record from `now` on. Raises `InvalidInput` if this person may not."""
    rule = rule_of(stage)
    if not may_break(person, rule):
        raise InvalidInput(
            f"{person.name} may not break the glass of {stage.name}: "
            f"expected one of the roles {', '.join(rule.roles)}"
        )
    said = " ".join(reason.split())
    if len(said) < MIN_REASON:
        raise InvalidInput(f"who breaks the glass gives a reason of {MIN_REASON} characters")
    since = now.replace(microsecond=0)
    return BreakGlass(person.name, said[:500], since, since + rule.within)


def overrule(
    findings: tuple[Finding, ...], glass: BreakGlass, counted: int, rule: "BreakGlassRules"
) -> tuple[Finding, ...]:
    """The findings; people and calendars that were overruled say so.

    `counted` approvals there are; fewer than the rule asks for are overruled by nobody. Raises
    `InvalidInput` if there is nothing to overrule.
    """
    closed = {each.check for each in findings if each.status == "fail"} & set(OVERRULED)
    if not closed:
        raise InvalidInput(
            "there is no glass to break: neither approvals nor a freeze stand against it",
            hint="promote it without --break-glass",
        )
    over = closed if counted >= rule.approvals else closed - {"approvals"}
    words = f"glass broken by {glass.by}: {glass.reason}"
    return tuple(
        Finding(each.check, "waived", f"{each.message} ({words})", each.cure)
        if each.check in over and each.status == "fail"
        else each
        for each in findings
    )
