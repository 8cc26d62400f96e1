"""What keeps a model out of a stage: the predicate that does not hold, and who can make it hold."""

from dataclasses import dataclass
from datetime import datetime

from goldenpath.digest import Digest
from goldenpath.oci.store import Store
from goldenpath.promote.acts.assess import (
    assess,
    deployment_of,
    placement_of,
    similar_model,
    stage_of,
)
from goldenpath.promote.manifests.desired import Restrictions
from goldenpath.promote.manifests.restrictions import marks, may_approve
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.policy import Finding


@dataclass(frozen=True, slots=True)
class Missing:
    """The answer: one sentence, and the gates that are closed."""

    summary: str
    digest: Digest | None
    missing: tuple[Finding, ...]


def what_is_missing(
    repository: Repository,
    trusted: Trusted,
    store: Store,
    model: str,
    stage_name: str,
    digest: Digest | None,
    now: datetime,
) -> Missing:
    """Why `model` is not in the stage; looks at `digest`, or at the release that is closest."""
    stage = stage_of(trusted.platform, stage_name)
    here = deployment_of(repository, trusted, stage.name, model)
    candidate = digest or _closest(repository, trusted, model, stage_name)
    if candidate is None:
        if here is not None:
            said = f"{model} is in {stage_name}: {here.slots[-1].digest}, and nothing newer waits"
            held = _held(repository, trusted, stage_name, model, now)
            return Missing(said, here.slots[-1].digest, held)
        first = trusted.platform.stages[0].name
        said = f"{model} is in no stage: bring a release into {first} with goldenpath promote"
        similar = similar_model(repository, trusted, model)
        said = f"{model} is in no stage: {similar}" if similar else said
        return Missing(said, None, ())
    if here is not None and candidate in {slot.digest for slot in here.slots}:
        held = _held(repository, trusted, stage_name, model, now)
        return Missing(f"{candidate} is in {stage_name}", candidate, held)
    judged = assess(repository, trusted, store, candidate, stage_name, "", now).decision
    closed = tuple(finding for finding in judged.findings if finding.status == "fail")
    closed += _held(repository, trusted, stage_name, model, now)
    if closed:
        names = ", ".join(finding.check for finding in closed)
        return Missing(f"{candidate} is kept out of {stage_name} by: {names}", candidate, closed)
    said = f"nothing but the commit: goldenpath promote {candidate} --stage {stage_name}"
    return Missing(said, candidate, ())


def _held(
    repository: Repository, trusted: Trusted, stage: str, model: str, now: datetime
) -> tuple[Finding, ...]:
    """What lets nothing follow: a hold, or glass that was broken for what is there."""
    placement = placement_of(repository, trusted, stage, model)
    if placement is None:
        return ()
    resume = f"goldenpath resume {model} --stage {stage} --reason …"
    cures = {"hold": f"{resume}, by anybody who is listed"}
    by = placement.glass.by if placement.glass is not None else ""
    able = [
        each.name
        for each in trusted.platform.people
        if each.name != by and may_approve(each, stage_of(trusted.platform, stage))
    ]
    other = f"goldenpath approve {placement.digest} --stage {stage}, by one of: {', '.join(able)}"
    found = marks(Restrictions(placement.hold, placement.glass), now)
    return tuple(
        Finding(each.kind, "fail", each.message, cures.get(each.kind, other)) for each in found
    )


def _closest(repository: Repository, trusted: Trusted, model: str, stage: str) -> Digest | None:
    """The release in the nearest stage before that differs from what the stage runs."""
    stages = [each.name for each in trusted.platform.stages]
    here = deployment_of(repository, trusted, stage, model)
    known = set() if here is None else {slot.digest for slot in here.slots}
    for name in reversed(stages[: stages.index(stage)]):
        found = deployment_of(repository, trusted, name, model)
        if found is not None and found.slots[-1].digest not in known:
            return found.slots[-1].digest
    return None
