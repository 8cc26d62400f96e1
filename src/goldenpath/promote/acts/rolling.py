"""Rollout and rollback: traffic moves between releases that are in a stage.

A rollback asks no gate, so it is never slower than a rollout. It only requires that the release to
go back to still verifies.
"""

from dataclasses import dataclass, replace

from goldenpath.digest import Digest
from goldenpath.errors import AlreadyDone, InvalidInput, NotFound, Stalled, VerificationError
from goldenpath.promote.acts.intents import StageChange, Unchanged, stage_change
from goldenpath.promote.acts.scene import Destination, RollbackScene, StageScene
from goldenpath.promote.manifests.desired import Deployment, Placement, Slot, slot_name
from goldenpath.promote.manifests.restrictions import holds_when_overdue
from goldenpath.promote.repository.commit_message import CommitMessage


@dataclass(frozen=True, slots=True)
class Grounds:
    """Why a machine moves a canary, and the state of the canary that was judged.

    The change is refused if the canary is not in that state any more.
    """

    canary: Digest
    percent: int
    judged: tuple[str, ...]
    """The judge's numbers, one comparison each."""


def roll_out(
    scene: StageScene, to: int | None, reason: str = "", grounds: Grounds | None = None
) -> StageChange:
    """Give the canary `to` percent of the traffic, or its next step; 100 makes it stable."""
    current, placement = scene.present
    if len(current.slots) < 2:
        raise InvalidInput(
            f"{current.name} has no canary",
            hint=f"goldenpath promote RELEASE --stage {current.stage} --canary 10,50,100",
        )
    stable, canary = current.slots[0], current.slots[-1]
    judged = _judged(current, grounds)
    _require_free(scene, placement)
    percent = placement.rollout.after(canary.percent) if to is None else to
    if to == canary.percent:
        raise AlreadyDone(f"{current.name} has its canary at {to} percent already: nothing to do")
    if not canary.percent < percent <= 100:
        raise InvalidInput(
            f"{current.name} cannot go from {canary.percent} to {percent} percent: "
            "expected more, at most 100",
            hint="goldenpath rollback takes the canary away",
        )
    message = CommitMessage(
        "rollout",
        scene.stage.name,
        scene.model,
        canary.digest,
        reason or f"from {canary.percent} to {percent} percent",
        percent,
        stable.digest,
        placement.decision,
        judged=judged,
    )
    desired = current.moved_to(_shifted(stable, canary, percent))
    return stage_change(scene, desired, replace(placement, judged=()), message)


def destination_of(scene: StageScene, to: Digest | None) -> Digest | None:
    """Return the release that a rollback goes back to; None if there is none before.

    It is `to` if that is given, else the stable release during a canary, else the previous one.
    """
    current, placement = scene.present
    if to is not None:
        return to
    return current.slots[0].digest if len(current.slots) > 1 else placement.previous


def roll_back(scene: RollbackScene, reason: str, grounds: Grounds | None = None) -> StageChange:
    """Take the canary away, or go back to the previous release, or to any earlier stable one.

    Raises `NotFound` if there is none before, `InvalidInput` if the chosen release was never stable
    there, `VerificationError` if it does not verify any more.
    """
    current, placement = scene.stage.present
    judged = _judged(current, grounds)
    # The first slot of a file is the stable release, and the last one its newest canary.
    stable, taken = current.slots[0], current.slots[-1].digest
    destination = scene.destination
    if destination is None:
        raise NotFound(
            f"{current.name} has no release before {taken.short}",
            hint="goldenpath promote an older release by its digest",
        )
    _require_reachable(current, destination)
    back_to = destination.digest
    after = placement.gone_back(back_to, taken)
    message = CommitMessage(
        "rollback", current.stage, current.model, back_to, reason, 100, taken, judged=judged
    )
    kept = next((each.replicas for each in current.releases if each.digest == back_to), 0)
    # As many servers as serve now, if somebody has added some since the release served last.
    slot = Slot(slot_name(back_to), back_to, 100, max(kept, stable.replicas))
    return stage_change(scene.stage, current.moved_to((slot,)), after, message)


def note_hold(
    scene: StageScene, state: str, reason: str, grounds: Grounds
) -> StageChange | Unchanged:
    """Record that the judge holds the canary, once for each step and `state`."""
    current, placement = scene.present
    judged = _judged(current, grounds)
    # A judge looks every minute, and each look would be a commit otherwise.
    if state in placement.judged:
        return Unchanged()
    canary = current.slots[-1]
    message = CommitMessage(
        "judge",
        scene.stage.name,
        scene.model,
        canary.digest,
        f"hold: {reason}",
        canary.percent,
        current.slots[0].digest,
        judged=judged,
    )
    after = replace(placement, judged=(*placement.judged, state))
    return stage_change(scene, current, after, message)


def _require_free(scene: StageScene, placement: Placement) -> None:
    """Raise `Stalled` if a hold, a freeze or overdue break-glass keeps the canary as it is."""
    stage = scene.stage.name
    if placement.hold:
        raise Stalled(
            f"{scene.name} is on hold: {placement.hold}",
            hint=f"goldenpath resume {scene.model} --stage {stage} --reason …",
        )
    freeze, break_glass = scene.stage.frozen(scene.now), placement.break_glass
    if (
        break_glass is not None
        and break_glass.is_overdue(scene.now)
        and holds_when_overdue(scene.stage)
    ):
        raise Stalled(
            f"{scene.name} stays as it is: {break_glass.summary(scene.now)}",
            hint=f"goldenpath approve {placement.digest} --stage {stage} by somebody else",
        )
    # Break-glass overrules a freeze, so a canary that came by it may grow in one.
    if freeze is not None and break_glass is None:
        end = freeze.end.isoformat(timespec="minutes")
        raise Stalled(
            f"{stage} is frozen until {end}: {freeze.reason}",
            hint="run this again after that time; goldenpath rollback is possible at any time",
        )


def _judged(current: Deployment, grounds: Grounds | None) -> tuple[str, ...]:
    """Return the judge's numbers. Raises `InvalidInput` if the canary has changed since."""
    if grounds is None:
        return ()
    canary = current.slots[-1]
    if len(current.slots) < 2 or (canary.digest, canary.percent) != (
        grounds.canary,
        grounds.percent,
    ):
        raise InvalidInput(
            f"{current.name} was judged with {grounds.canary.short} at {grounds.percent} percent, "
            "which is no longer its canary"
        )
    return grounds.judged


def _require_reachable(current: Deployment, destination: Destination) -> None:
    digest = destination.digest
    if destination.was_chosen and [slot.digest for slot in current.slots] == [digest]:
        raise AlreadyDone(f"{current.name} runs {digest.short} already: nothing to do")
    if destination.verified is None:
        raise InvalidInput(
            f"{digest.short} was never the stable release of {current.name}",
            hint=f"goldenpath promote {digest} --stage {current.stage} asks the gates",
        )
    failed = [each for each in destination.verified.findings if each.status == "fail"]
    if failed:
        raise VerificationError(
            f"the release to go back to does not verify: {failed[0].message}",
            hint="promote another release by its digest",
        )


def _shifted(stable: Slot, canary: Slot, percent: int) -> tuple[Slot, ...]:
    if percent == 100:
        return (Slot(canary.name, canary.digest, 100, max(stable.replicas, canary.replicas)),)
    return (
        Slot(stable.name, stable.digest, 100 - percent, stable.replicas),
        Slot(canary.name, canary.digest, percent, canary.replicas),
    )
