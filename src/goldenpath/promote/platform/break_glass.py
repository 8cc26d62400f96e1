"""Break-glass: in an emergency one person promotes a release, and a second approves it later.

Break-glass overrules missing approvals and a freeze. It never overrules evidence. The record stays
visible in every report until the second person has approved.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from goldenpath.canonical import JsonValue
from goldenpath.errors import InvalidInput
from goldenpath.parsers.toml_text import listed, quoted
from goldenpath.promote.platform.toml_table import Table, duration_text
from goldenpath.release.attest.policy import Finding, Person
from goldenpath.release.attest.statement import render_time

OVERRULED = ("approvals", "freeze")
"""Findings that break-glass waives."""
MIN_REASON = 10
"""A reason has at least so many characters."""


LONGEST_BREAK_GLASS = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class BreakGlassRules:
    """How a release may enter a stage in an emergency, before all approvals are given."""

    within: timedelta
    """The time within which a second person must approve."""
    approvals: int = 0
    """How many approvals are still needed beforehand."""
    roles: tuple[str, ...] = ()
    """Roles that may use break-glass; empty allows every listed person."""
    overdue: Literal["alarm", "hold"] = "hold"
    """What happens after the deadline: an alarm, or an alarm and a hold."""


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """The break-glass record of one release in one stage; it ends when a second person approves."""

    by: str
    reason: str
    since: datetime
    until: datetime
    """The deadline for the second person's approval."""

    def is_overdue(self, now: datetime) -> bool:
        """Whether the deadline for the second person has passed."""
        return now >= self.until

    def summary(self, now: datetime) -> str:
        """Return one sentence for people: who, why, and until when a second person must approve."""
        end = self.until.isoformat(timespec="minutes")
        state = f"a second person was due by {end}" if self.is_overdue(now) else (
            f"a second person has to approve by {end}"
        )  # fmt: skip
        return f"{self.by} used break-glass ({self.reason}): {state}"

    def to_json(self) -> dict[str, JsonValue]:
        """Return the record as decisions and `release.yaml` store it."""
        return {
            "by": self.by,
            "reason": self.reason,
            "since": render_time(self.since),
            "until": render_time(self.until),
        }


class EmergencyStage(Protocol):
    """A stage, as far as break-glass is concerned.

    Importing `platform` loads the CEL engine, which readers of desired state do not need.
    """

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def break_glass(self) -> BreakGlassRules | None:
        """Its rules; None if break-glass is not allowed."""


def break_glass_rules(stage: EmergencyStage) -> BreakGlassRules:
    """Return the break-glass rules of the stage. Raises `InvalidInput` if it has none."""
    if stage.break_glass is None:
        raise InvalidInput(
            f"{stage.name} has no break-glass rules",
            hint=f"two people may add [stage.break-glass] for {stage.name} to platform.toml",
        )
    return stage.break_glass


def may_use_break_glass(person: Person, rule: BreakGlassRules) -> bool:
    """Whether the person has a role that may use break-glass."""
    return not rule.roles or bool(set(person.roles) & set(rule.roles))


def break_glass_record(
    stage: EmergencyStage, person: Person, reason: str, now: datetime
) -> BreakGlass:
    """Return the record that begins at `now`. Raises `InvalidInput` if this person may not."""
    rule = break_glass_rules(stage)
    if not may_use_break_glass(person, rule):
        raise InvalidInput(
            f"{person.name} may not use break-glass in {stage.name}: "
            f"expected one of the roles {', '.join(rule.roles)}"
        )
    one_line = " ".join(reason.split())
    if len(one_line) < MIN_REASON:
        raise InvalidInput(
            f"the reason for break-glass is too short: expected at least {MIN_REASON} characters, "
            f"got {len(one_line)}"
        )
    since = now.replace(microsecond=0)
    return BreakGlass(person.name, one_line[:500], since, since + rule.within)


def overrule(
    findings: tuple[Finding, ...], break_glass: BreakGlass, counted: int, rule: BreakGlassRules
) -> tuple[Finding, ...]:
    """Return the findings, with missing approvals and a freeze waived by break-glass.

    `counted` is the number of valid approvals. Fewer than the rule asks for stay a failure. Raises
    `InvalidInput` if there is nothing to overrule.
    """
    failed = {each.check for each in findings if each.status == "fail"} & set(OVERRULED)
    if not failed:
        raise InvalidInput(
            "break-glass is not needed: no approval is missing, and no freeze is in force",
            hint="promote it without --break-glass",
        )
    overruled = failed if counted >= rule.approvals else failed - {"approvals"}
    note = f"break-glass by {break_glass.by}: {break_glass.reason}"
    return tuple(
        Finding(each.check, "waived", f"{each.message} ({note})", each.cure)
        if each.check in overruled and each.status == "fail"
        else each
        for each in findings
    )


def read_break_glass(table: Table) -> BreakGlassRules:
    """Read the `[stage.break-glass]` of a stage. Faults are added to the table."""
    within, overdue = table.duration("within"), table.text("overdue", "hold")
    if not timedelta(0) < within <= LONGEST_BREAK_GLASS:
        table.fault("within", "a time of at most 7 days", duration_text(within))
    if overdue not in ("alarm", "hold"):
        table.fault("overdue", "alarm or hold", overdue)
    approvals, roles = table.count("approvals", 0), table.texts("roles")
    table.end()
    return BreakGlassRules(within, approvals, roles, "alarm" if overdue == "alarm" else "hold")


def break_glass_lines(rules: BreakGlassRules | None) -> Iterator[str]:
    """Yield the TOML lines of the rules; none if break-glass is not allowed."""
    if rules is None:
        return
    yield from ("", "[stage.break-glass]", f"within = {quoted(duration_text(rules.within))}")
    yield from (f"approvals = {rules.approvals}", f"roles = {listed(rules.roles)}")
    yield f"overdue = {quoted(rules.overdue)}"
