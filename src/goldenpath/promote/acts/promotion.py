"""Brings a release into a stage: judge, sign the verdict, commit; again if main moved meanwhile."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Stalled
from goldenpath.oci.store import Store
from goldenpath.promote.acts.assess import (
    Assessed,
    assess,
    decision_statement,
    placement_of,
    source_of,
    stage_of,
)
from goldenpath.promote.gates.gate import Decision
from goldenpath.promote.manifests.deployment_files import (
    release_path,
    render_deployment,
    service_path,
)
from goldenpath.promote.manifests.desired import Deployment, Placement, Rollout, Slot, slot_name
from goldenpath.promote.manifests.placement import check_steps, parse_placement, render_placement
from goldenpath.promote.repository.chain_of_trust import Trusted, follow
from goldenpath.promote.repository.change import Change
from goldenpath.promote.repository.identity import Identity, require_listed
from goldenpath.promote.repository.pull_request import NOT_ASKED, Forge, MergeAnswer, ask
from goldenpath.promote.repository.worktree import MovedOn, Protected, Repository
from goldenpath.release.attest.attach import attach_ssh

ATTEMPTS = 10
"""How often a change is decided anew because somebody else committed first."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where a person or a machine works on stages."""

    repository: Repository
    pin: Path
    store: Store
    acting: Identity
    clock: Callable[[], datetime]
    forge: Forge | None = None
    """Where pull requests are opened; None: nowhere."""


@dataclass(frozen=True, slots=True)
class Published:
    """Where a commit is now."""

    commit: str
    """On `main`; empty if it waits."""
    branch: str = ""
    request: MergeAnswer = NOT_ASKED


@dataclass(frozen=True, slots=True)
class Promoted:
    """What a change of a stage did."""

    decision: Decision | None
    """None for what no gate is asked about."""
    deployment: Deployment | None
    """What git wants now; None if it was refused."""
    commit: str
    """Empty if nothing was committed."""
    approved_by: tuple[str, ...] = ()
    envelope: Digest | None = None
    """The signed verdict."""
    reason: str = ""
    diff: str = ""
    branch: str = ""
    """Where the commit waits, because `main` takes no push; empty if it does not wait."""
    request: MergeAnswer = NOT_ASKED
    """The pull request for that branch."""

    @property
    def closed(self) -> tuple[str, ...]:
        """Names of the gates that refused."""
        findings = self.decision.findings if self.decision is not None else ()
        return tuple(finding.check for finding in findings if finding.status == "fail")


def promote(
    desk: Workspace,
    digest: Digest,
    stage: str,
    *,
    steps: tuple[int, ...] = (100,),
    rollout: Rollout | None = None,
    reason: str = "",
    glass: str = "",
    dry_run: bool = False,
) -> Promoted:
    """Brings `digest` into `stage`, as a canary if the first step is below 100.

    `glass` is the reason to break it: to enter before everybody has approved. A refusal is a value:
    the decision holds what failed. Raises `InvalidInput` if the stage is not in a state to take it.
    """
    plan = rollout or Rollout(steps)
    check_steps(plan.steps, "--canary")

    def attempt(trusted: Trusted) -> Promoted:
        now = desk.clock()
        require_listed(desk.acting, trusted.platform, now)
        assessed = assess(
            desk.repository, trusted, desk.store, digest, stage, desk.acting.name, now, glass=glass
        )
        if not assessed.decision.allowed:
            return Promoted(assessed.decision, None, "", assessed.approved_by)
        _require_free(desk, trusted, stage, assessed.evidence.model, now)
        wanted = place(assessed.current, stage, assessed.evidence.model, digest, plan.steps[0])
        return _enter(desk, trusted, assessed, wanted, plan, reason, dry_run, now)

    return deciding_anew(desk, attempt)


def place(
    current: Deployment | None, stage: str, model: str, digest: Digest, percent: int
) -> Deployment:
    """What the stage should run so that `digest` enters it with `percent` of the traffic."""
    if current is None:
        return Deployment(stage, model, (Slot(slot_name(digest), digest, 100),))
    stable, *canaries = current.slots
    if canaries:
        raise InvalidInput(
            f"{current.name} has a canary in progress: {canaries[0].digest.short} "
            f"at {canaries[0].percent} percent",
            hint=f"goldenpath rollout {model} --stage {stage}, or goldenpath rollback",
        )
    if stable.digest == digest:
        raise InvalidInput(f"{current.name} runs {digest.short} already: nothing to do")
    if percent >= 100:
        slots: tuple[Slot, ...] = (Slot(slot_name(digest), digest, 100, stable.replicas),)
    else:
        kept = Slot(stable.name, stable.digest, 100 - percent, stable.replicas)
        # A canary of what may sleep must not keep it awake.
        slots = (kept, Slot(slot_name(digest), digest, percent, min(stable.replicas, 1)))
    return replace(current, slots=slots)


def deciding_anew(desk: Workspace, attempt: Callable[[Trusted], _T]) -> _T:
    """Runs `attempt` on the newest state; once more for every commit that came in between."""
    for _ in range(ATTEMPTS - 1):
        try:
            return attempt(follow(desk.repository, desk.pin))
        except MovedOn:
            continue
    return attempt(follow(desk.repository, desk.pin))


def _enter(
    desk: Workspace,
    trusted: Trusted,
    assessed: Assessed,
    wanted: Deployment,
    rollout: Rollout,
    reason: str,
    dry_run: bool,
    now: datetime,
) -> Promoted:
    evidence, decision = assessed.evidence, assessed.decision
    repository, commit = source_of(evidence.verified)
    previous = None if assessed.current is None else assessed.current.slots[0].digest
    said = reason or (decision.glass.reason if decision.glass else _reason(decision))
    envelope = None
    if not dry_run:
        image = desk.store.resolve(evidence.digest.text)
        statement = decision_statement(decision)
        envelope = attach_ssh(desk.store, image, statement, desk.acting.key, now).digest
    is_older = entered_before(desk.repository, trusted, wanted, evidence.digest)
    placement = Placement(
        evidence.digest,
        previous,
        repository,
        commit,
        rollout,
        decision.approvals,
        envelope,
        hold=f"{desk.acting.name} chose an older release" if is_older else "",
        glass=decision.glass,
    )
    current = desk.repository.read(trusted.commit, service_path(wanted.stage, wanted.model))
    files: dict[str, bytes | None] = {**render_deployment(wanted, trusted.platform, current)}
    files[release_path(wanted.stage, wanted.model)] = render_placement(placement)
    if dry_run:
        diff = desk.repository.diff(trusted.commit, files)
        return Promoted(decision, wanted, "", assessed.approved_by, None, said, diff)
    change = Change(
        "promote",
        wanted.stage,
        wanted.model,
        evidence.digest,
        said,
        share=wanted.slots[-1].percent,
        previous=previous,
        decision=envelope,
        approved_by=assessed.approved_by,
        glass=decision.glass,
    )
    done = publish(desk, trusted, files, change, now)
    return Promoted(
        decision, wanted, done.commit, assessed.approved_by, envelope, said,
        branch=done.branch, request=done.request,
    )  # fmt: skip


def publish(
    desk: Workspace,
    trusted: Trusted,
    files: Mapping[str, bytes | None],
    change: Change,
    now: datetime,
) -> Published:
    """Puts the commit on `main`; where that takes no push, into a branch with a pull request.

    It has to be merged by a fast-forward: any other merge makes a commit that none of the listed
    people signed.
    """
    acting, parent, message = desk.acting, trusted.commit, change.message()
    try:
        made = desk.repository.commit(parent, files, message, acting.name, acting.key, now)
    except Protected:
        place = f"{change.action}-{change.stage}-{change.model}"
        branch = f"goldenpath/{place}-{change.digest.hex[:12]}"
        desk.repository.commit(parent, files, message, acting.name, acting.key, now, branch=branch)
        return Published("", branch, ask(desk.forge, branch, message))
    return Published(made)


def entered_before(
    repository: Repository, trusted: Trusted, wanted: Deployment, digest: Digest
) -> bool:
    """Whether the release was in that stage before: choosing it again is a decision of a person."""
    path = release_path(wanted.stage, wanted.model)
    names = [f"{commit.id}:{path}" for commit in repository.history(path, to=trusted.commit)]
    found = [content for content in repository.blobs(names) if content is not None]
    return any(parse_placement(content, path).digest == digest for content in found)


def _require_free(desk: Workspace, trusted: Trusted, stage: str, model: str, now: datetime) -> None:
    placement = placement_of(desk.repository, trusted, stage, model)
    if placement is not None and placement.hold:
        raise Stalled(
            f"{stage}/{model} is on hold: {placement.hold}",
            hint=f"goldenpath resume {model} --stage {stage} --reason …",
        )
    if placement is not None and placement.glass is not None:
        raise Stalled(
            f"nothing follows {placement.digest.short} into {stage} yet: "
            f"{placement.glass.words(now)}",
            hint=f"goldenpath approve {placement.digest} --stage {stage} by somebody else, "
            "or goldenpath rollback",
        )


def _reason(decision: Decision) -> str:
    passed = sum(finding.status == "pass" for finding in decision.findings)
    return f"{passed} of {len(decision.findings)} gates passed, none failed"


__all__ = ["ATTEMPTS", "Promoted", "Workspace", "promote", "stage_of"]
