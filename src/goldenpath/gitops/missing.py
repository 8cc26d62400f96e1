"""What keeps a model out of a stage: the predicate that does not hold, and who can make it hold."""

from dataclasses import dataclass
from datetime import datetime

from goldenpath.attest.policy import Finding
from goldenpath.digest import Digest
from goldenpath.gitops.assess import assess, deployment_of, stage_of
from goldenpath.gitops.manifests import release_path
from goldenpath.gitops.placement import parse_placement
from goldenpath.gitops.trust import Trusted
from goldenpath.gitops.worktree import Repository
from goldenpath.oci.store import Store


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
            return Missing(said, here.slots[-1].digest, ())
        first = trusted.platform.stages[0].name
        said = f"{model} is in no stage: bring a release into {first} with goldenpath promote"
        return Missing(said, None, ())
    if here is not None and candidate in {slot.digest for slot in here.slots}:
        return Missing(f"{candidate} is in {stage_name}", candidate, ())
    judged = assess(repository, trusted, store, candidate, stage_name, "", now).decision
    closed = tuple(finding for finding in judged.findings if finding.status == "fail")
    closed += _hold(repository, trusted, stage_name, model)
    if closed:
        names = ", ".join(finding.check for finding in closed)
        return Missing(f"{candidate} is kept out of {stage_name} by: {names}", candidate, closed)
    said = f"nothing but the commit: goldenpath promote {candidate} --to {stage_name}"
    return Missing(said, candidate, ())


def _hold(repository: Repository, trusted: Trusted, stage: str, model: str) -> tuple[Finding, ...]:
    path = release_path(stage, model)
    content = repository.read(trusted.commit, path)
    words = "" if content is None else parse_placement(content, path).hold
    cure = f"goldenpath resume {model} --stage {stage}, by anybody who is listed"
    return (Finding("hold", "fail", f"on hold: {words}", cure),) if words else ()


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
