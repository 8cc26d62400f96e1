"""What one person commits by hand during a freeze, a hold or open break-glass.

Freezes and holds are data of the platform and of a release file, so they are switched off there.
The rules of break-glass are switched off by not asking them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from goldenpath.attacks.holders.deployment_step import (
    BOTH,
    CANARY,
    MODEL,
    ONE,
    STAGE,
    THREE,
    TWO,
    RightsAttack,
    Shares,
    sealed_platform,
    shared,
)
from goldenpath.attacks.holders.given_judgements import DAY, ENGINEER, HOUR, NOW, VALIDATOR
from goldenpath.promote.manifests.desired import Placement
from goldenpath.promote.manifests.placement import render_placement
from goldenpath.promote.manifests.restrictions import Files, Step, refusal
from goldenpath.promote.platform.break_glass import BreakGlass, BreakGlassRules
from goldenpath.promote.platform.platform import Freeze, Stage
from goldenpath.promote.repository.first_seen import Sighting

FREEZES, HOLDS, GLASS = CONTROLS = ("freezes", "holds", "rules of break-glass")
_FREEZE = Freeze(NOW - DAY, NOW + DAY, "end of the year")
_MORE: Shares = ((ONE, 50), (TWO, 50))
_NEW: Shares = ((ONE, 90), (THREE, 10))
_RULES = BreakGlassRules(2 * HOUR, roles=(VALIDATOR,))
_RECORD = BreakGlass(VALIDATOR, "answers are wrong", NOW, NOW + HOUR)
_OPEN = replace(CANARY, break_glass=_RECORD)
_HELD = replace(CANARY, hold="wait for the risk committee")
_WATCHED = Sighting(NOW, NOW - timedelta(minutes=1))
"""A follower that looks every minute saw the commit come now."""


@dataclass(frozen=True, slots=True)
class RestrictedStep:
    """One commit on a restricted deployment."""

    shares: Shares = BOTH
    before: Placement | bytes = CANARY
    after: Placement | bytes = CANARY
    is_frozen: bool = False
    rules: BreakGlassRules | None = None
    signer: str = ENGINEER
    claimed: datetime = NOW
    """The date in the commit."""

    def refusal(self, control: str, without: frozenset[str]) -> str:
        """Return why nobody follows the commit; empty if it is followed."""
        is_off = control in without
        if is_off and control == GLASS:
            return ""
        before = CANARY if is_off and control == HOLDS else self.before
        freezes = () if not self.is_frozen or is_off else (_FREEZE,)
        step = shared(self.shares)
        walked = Step(
            Files(step.before.applied, _content(before)),
            Files(step.after.applied, _content(self.after)),
            Stage(STAGE, ("evidence",), freezes=freezes, break_glass=self.rules),
            MODEL,
            self.signer,
            _WATCHED.moment(self.claimed),
            lambda _: False,
        )
        return refusal(walked, sealed_platform())


def _content(release: Placement | bytes) -> bytes:
    return release if isinstance(release, bytes) else render_placement(release)


_FREEZES = {
    "a release enters a frozen stage": RestrictedStep(_NEW, is_frozen=True),
    "a release gets more traffic in a frozen stage": RestrictedStep(_MORE, is_frozen=True),
    "a commit in a freeze is dated before it": RestrictedStep(
        _NEW, is_frozen=True, claimed=NOW - 5 * DAY
    ),
    "a commit in a freeze is dated after it": RestrictedStep(
        _NEW, is_frozen=True, claimed=NOW + 5 * DAY
    ),
    "a commit in a freeze makes the release file unreadable": RestrictedStep(
        _NEW, after=b"digest: [", is_frozen=True
    ),
}
_HOLDS = {
    "a release gets more traffic on hold": RestrictedStep(_MORE, _HELD, _HELD),
    "a release enters on hold": RestrictedStep(_NEW, _HELD, _HELD),
    "a hold ends in the very commit that moves on": RestrictedStep(_MORE, _HELD),
    "a release file that may hold a hold is passed over": RestrictedStep(_MORE, b"hold: ["),
    "a hold in other letters is passed over": RestrictedStep(
        _MORE, render_placement(_HELD).replace(b"hold:", b'"\\u0068old":')
    ),
}
_GLASS = {
    "break-glass is used where there are no rules for it": RestrictedStep(after=_OPEN),
    "break-glass is used in the name of another": RestrictedStep(
        after=_OPEN, rules=_RULES, signer=ENGINEER
    ),
    "break-glass is used without its role": RestrictedStep(
        after=replace(_OPEN, break_glass=replace(_RECORD, by=ENGINEER)), rules=_RULES
    ),
    "break-glass is used for a year": RestrictedStep(
        after=replace(_OPEN, break_glass=replace(_RECORD, until=NOW + 365 * DAY)),
        rules=_RULES,
        signer=VALIDATOR,
    ),
    "break-glass begins in a week": RestrictedStep(
        after=replace(
            _OPEN,
            break_glass=replace(_RECORD, since=NOW + 7 * DAY, until=NOW + 7 * DAY + HOUR),
        ),
        rules=_RULES,
        signer=VALIDATOR,
    ),
    "break-glass is used again while it is open": RestrictedStep(
        before=_OPEN,
        after=replace(_OPEN, break_glass=replace(_RECORD, reason="answers are still wrong")),
        rules=_RULES,
        signer=VALIDATOR,
    ),
    "break-glass is confirmed by the person who used it": RestrictedStep(
        before=_OPEN, rules=_RULES, signer=VALIDATOR
    ),
    "break-glass is confirmed by the rollout key": RestrictedStep(
        before=_OPEN, rules=_RULES, signer="rollout"
    ),
    "a release goes on although nobody confirmed break-glass in time": RestrictedStep(
        _MORE,
        before=replace(_OPEN, break_glass=replace(_RECORD, until=NOW - HOUR)),
        after=replace(_OPEN, break_glass=replace(_RECORD, until=NOW - HOUR)),
        rules=_RULES,
    ),
}


def restriction_attacks() -> tuple[RightsAttack, ...]:
    """Return the attacks on freezes, holds and break-glass."""
    by_control: Mapping[str, Mapping[str, RestrictedStep]] = {
        FREEZES: _FREEZES, HOLDS: _HOLDS, GLASS: _GLASS,
    }  # fmt: skip
    return tuple(
        RightsAttack(name, control, partial(step.refusal, control))
        for control, steps in by_control.items()
        for name, step in steps.items()
    )
