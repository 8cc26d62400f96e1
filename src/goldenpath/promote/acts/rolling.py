"""Moves traffic between releases that are in a stage: the next canary step, and back.

A step back is never slower than a step forward: it asks no gate, only that the release to which it
goes back still verifies.
"""

from dataclasses import dataclass, replace

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, Stalled, VerificationError
from goldenpath.promote.acts.assess import deployment_of, stage_of, unknown_model
from goldenpath.promote.acts.promotion import Promoted, Workspace, deciding_anew, publish
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.promote.manifests.deployment_files import (
    release_path,
    render_deployment,
    service_path,
)
from goldenpath.promote.manifests.desired import Deployment, Placement, Slot, slot_name
from goldenpath.promote.manifests.placement import parse_placement, render_placement
from goldenpath.promote.manifests.restrictions import holds_when_overdue
from goldenpath.promote.repository.chain_of_trust import Trusted, stable_before
from goldenpath.promote.repository.change import Change
from goldenpath.promote.repository.identity import require_listed
from goldenpath.release.attest.verify import verify


@dataclass(frozen=True, slots=True)
class Grounds:
    """Why the machine moves a canary, and which: it must still be that one when it is moved."""

    canary: Digest
    percent: int
    judged: tuple[str, ...]


def roll_out(
    desk: Workspace,
    model: str,
    stage: str,
    to: int | None,
    *,
    reason: str = "",
    grounds: Grounds | None = None,
) -> Promoted:
    """Gives the canary `to` percent of the traffic, or its next step; 100 makes it the stable."""

    def attempt(trusted: Trusted) -> Promoted:
        current, placement = _state(desk, trusted, model, stage)
        if len(current.slots) < 2:
            raise InvalidInput(f"{current.name} has no canary", hint="goldenpath promote --canary")
        stable, canary = current.slots[0], current.slots[-1]
        judged = _still(current, grounds)
        _require_free(desk, trusted, placement, current)
        percent = placement.rollout.after(canary.percent) if to is None else to
        if not canary.percent < percent <= 100:
            raise InvalidInput(
                f"{current.name} cannot go from {canary.percent} to {percent} percent: "
                "expected more, at most 100",
                hint="goldenpath rollback takes the canary away",
            )
        wanted = replace(current, slots=_shifted(stable, canary, percent))
        placement = replace(placement, judged=())
        said = reason or f"from {canary.percent} to {percent} percent"
        change = Change(
            "rollout", stage, model, canary.digest, said, percent, stable.digest,
            placement.decision, judged=judged,
        )  # fmt: skip
        return _commit(desk, trusted, wanted, placement, change)

    return deciding_anew(desk, attempt)


def roll_back(
    desk: Workspace,
    model: str,
    stage: str,
    *,
    reason: str,
    to: Digest | None = None,
    grounds: Grounds | None = None,
) -> Promoted:
    """Takes the canary away, or goes back to the release before; or to any that was stable there.

    Raises `NotFound` without one, `InvalidInput` if the release `to` was never stable there.
    """

    def attempt(trusted: Trusted) -> Promoted:
        current, placement = _state(desk, trusted, model, stage)
        judged = _still(current, grounds)
        stable, taken = current.slots[0], current.slots[-1].digest
        back_to = stable.digest if len(current.slots) > 1 else placement.previous
        if to is not None:
            _require_known(desk, trusted, current, to)
            back_to = to
        if back_to is None:
            raise NotFound(
                f"{current.name} has no release before {taken.short}",
                hint="goldenpath promote an older release by its digest",
            )
        _require_verified(desk, trusted, back_to)
        slot = Slot(slot_name(back_to), back_to, 100, stable.replicas)
        wanted = replace(current, slots=(slot,))
        after = Placement(
            digest=back_to,
            previous=None,
            repository="",
            commit="",
            rollout=placement.rollout,
            approvals=(),
            decision=None,
            rolled_back=taken,
            hold=placement.hold,
        )
        change = Change("rollback", stage, model, back_to, reason, 100, taken, judged=judged)
        return _commit(desk, trusted, wanted, after, change)

    return deciding_anew(desk, attempt)


def note_hold(
    desk: Workspace, model: str, stage: str, state: str, reason: str, grounds: Grounds
) -> str:
    """Commits once per step and state that the judge holds the canary; the commit, or nothing."""

    def attempt(trusted: Trusted) -> str:
        current, placement = _state(desk, trusted, model, stage)
        judged = _still(current, grounds)
        if state in placement.judged:
            return ""
        canary = current.slots[-1]
        change = Change(
            "judge", stage, model, canary.digest, f"hold: {reason}", canary.percent,
            current.slots[0].digest, judged=judged,
        )  # fmt: skip
        after = replace(placement, judged=(*placement.judged, state))
        return _commit(desk, trusted, current, after, change).commit

    return deciding_anew(desk, attempt)


def hold(desk: Workspace, model: str, stage: str, reason: str) -> Promoted:
    """Keeps everything as it is until a person resumes; only going back stays possible."""
    return _set_hold(desk, model, stage, "hold", reason)


def resume(desk: Workspace, model: str, stage: str, reason: str) -> Promoted:
    """Ends a hold. Raises `InvalidInput` if there is none."""
    return _set_hold(desk, model, stage, "resume", reason)


def _set_hold(desk: Workspace, model: str, stage: str, action: str, reason: str) -> Promoted:
    def attempt(trusted: Trusted) -> Promoted:
        current, placement = _state(desk, trusted, model, stage)
        require_listed(desk.acting, trusted.platform, desk.clock())
        if bool(placement.hold) == (action == "hold"):
            state = f"on hold already: {placement.hold}" if placement.hold else "not on hold"
            raise InvalidInput(f"{current.name} is {state}")
        words = f"{desk.acting.name}: {reason}" if action == "hold" else ""
        change = Change(
            action, stage, model, placement.digest, reason, current.slots[-1].percent,
        )  # fmt: skip
        return _commit(desk, trusted, current, replace(placement, hold=words), change)

    return deciding_anew(desk, attempt)


def _require_free(
    desk: Workspace, trusted: Trusted, placement: Placement, current: Deployment
) -> None:
    """Raises `Stalled` where a hold or a freeze keeps the canary from growing."""
    if placement.hold:
        raise Stalled(
            f"{current.name} is on hold: {placement.hold}",
            hint=f"goldenpath resume {current.model} --stage {current.stage} --reason …",
        )
    now = desk.clock()
    stage = stage_of(trusted.platform, current.stage)
    freeze, glass = stage.frozen(now), placement.glass
    if glass is not None and glass.is_overdue(now) and holds_when_overdue(stage):
        raise Stalled(
            f"{current.name} stays as it is: {glass.words(now)}",
            hint=f"goldenpath approve {placement.digest} --stage {current.stage} by somebody else",
        )
    if freeze is not None and glass is None:
        end = freeze.end.isoformat(timespec="minutes")
        raise Stalled(f"{current.stage} is frozen until {end}: {freeze.reason}")


def _still(current: Deployment, grounds: Grounds | None) -> tuple[str, ...]:
    """The judge's numbers, if they are about the canary as it stands now."""
    if grounds is None:
        return ()
    canary = current.slots[-1]
    if len(current.slots) < 2 or (canary.digest, canary.percent) != (
        grounds.canary,
        grounds.percent,
    ):
        raise InvalidInput(
            f"{current.name} was judged with {grounds.canary.short} at {grounds.percent} percent, "
            "and that is no longer its canary"
        )
    return grounds.judged


def _require_known(desk: Workspace, trusted: Trusted, current: Deployment, to: Digest) -> None:
    if [slot.digest for slot in current.slots] == [to]:
        raise InvalidInput(f"{current.name} runs {to.short} already: nothing to do")
    path = service_path(current.stage, current.model)
    if to not in stable_before(desk.repository, trusted.commit, path, trusted.platform):
        raise InvalidInput(
            f"{to.short} was never the stable release of {current.name}",
            hint=f"goldenpath promote {to} --stage {current.stage} asks the gates",
        )


def _shifted(stable: Slot, canary: Slot, percent: int) -> tuple[Slot, ...]:
    if percent == 100:
        return (Slot(canary.name, canary.digest, 100, max(stable.replicas, canary.replicas)),)
    return (
        Slot(stable.name, stable.digest, 100 - percent, stable.replicas),
        Slot(canary.name, canary.digest, percent, canary.replicas),
    )


def _state(
    desk: Workspace, trusted: Trusted, model: str, stage: str
) -> tuple[Deployment, Placement]:
    require_listed(desk.acting, trusted.platform, desk.clock(), machines=True)
    stage_of(trusted.platform, stage)
    current = deployment_of(desk.repository, trusted, stage, model)
    path = release_path(stage, model)
    content = desk.repository.read(trusted.commit, path)
    if current is None or content is None:
        raise unknown_model(desk.repository, trusted, model, stage)
    return current, parse_placement(content, path)


def _require_verified(desk: Workspace, trusted: Trusted, digest: Digest) -> None:
    policy = release_policy(trusted.platform)
    verified = verify(desk.store, digest, policy, now=desk.clock())
    failed = [finding for finding in verified.findings if finding.status == "fail"]
    if failed:
        raise VerificationError(
            f"the release to go back to does not verify: {failed[0].message}",
            hint="promote another release by its digest",
        )


def _commit(
    desk: Workspace, trusted: Trusted, wanted: Deployment, placement: Placement, change: Change
) -> Promoted:
    current = desk.repository.read(trusted.commit, service_path(wanted.stage, wanted.model))
    files: dict[str, bytes | None] = {**render_deployment(wanted, trusted.platform, current)}
    files[release_path(wanted.stage, wanted.model)] = render_placement(placement)
    done = publish(desk, trusted, files, change, desk.clock())
    return Promoted(
        None, wanted, done.commit, reason=change.reason, branch=done.branch, request=done.request
    )
