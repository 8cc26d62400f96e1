"""Answers two questions: what a model needs to enter a stage, and who reaches production alone."""

from collections.abc import Mapping
from datetime import datetime

from goldenpath.digest import Digest
from goldenpath.errors import VerificationError
from goldenpath.promote.acts.assessment import Assessed, assessed
from goldenpath.promote.acts.duties import Duties, DutiesScene, lone_paths
from goldenpath.promote.acts.missing import (
    Missing,
    ModelScene,
    PastRollback,
    closest,
    is_in,
    missing,
)
from goldenpath.promote.acts.scene import stage_of
from goldenpath.promote.manifests.deployment_files import release_path
from goldenpath.promote.manifests.desired import Restrictions
from goldenpath.promote.platform.platform import FILE
from goldenpath.promote.repository.chain_of_trust import Trusted, platform_at
from goldenpath.promote.repository.commit_message import JUDGED, PREVIOUS, REASON
from goldenpath.promote.repository.countersign import agreement, set_up_is_over
from goldenpath.promote.repository.worktree import Repository
from goldenpath.promote.workspace.scene_reader import (
    Viewpoint,
    deployment_of,
    placement_of,
    read_evidence,
    similar_model,
)


def assess(view: Viewpoint, digest: Digest, stage: str, actor: str = "") -> Assessed:
    """Return the assessment of a release by the gates of a stage; nothing is written.

    `actor` is the person who would promote it. Raises `NotFound` if the store does not have it,
    `VerificationError` if its bytes do not match its digest.
    """
    evidence = read_evidence(view, digest, stage, actor)
    return assessed(evidence, stage_of(view.trusted.platform, stage), view.now)


def what_is_missing(view: Viewpoint, model: str, stage_name: str, digest: Digest | None) -> Missing:
    """Return why `model` is not in the stage.

    The candidate is `digest`, else the release of the nearest previous stage.
    """
    repository, trusted, platform = view.repository, view.trusted, view.trusted.platform
    stage = stage_of(platform, stage_name)
    deployments = {
        each.name: deployment_of(repository, trusted, each.name, model) for each in platform.stages
    }
    scene = ModelScene(
        platform,
        stage,
        model,
        view.now,
        {name: deployment for name, deployment in deployments.items() if deployment is not None},
        placement_of(repository, trusted, stage_name, model),
        _last_rollback(repository, trusted, stage_name, model),
        "" if any(deployments.values()) else similar_model(repository, trusted, model) or "",
    )
    candidate = digest or closest(scene)
    if candidate is None or is_in(scene, candidate):
        return missing(scene, candidate, None)
    return missing(scene, candidate, assess(view, candidate, stage_name).decision)


def _last_rollback(
    repository: Repository, trusted: Trusted, stage: str, model: str
) -> PastRollback | None:
    """Return the rollback after which nothing else changed the releases of the stage, if any."""
    placement = placement_of(repository, trusted, stage, model)
    if placement is None or placement.rolled_back is None:
        return None
    gone = placement.rolled_back
    for commit in repository.history(release_path(stage, model), to=trusted.commit):
        # Holds and resumes come after a rollback too, and keep what the release file says of it.
        is_rollback = commit.subject.startswith(f"{stage}: rollback ")
        if is_rollback and commit.trailer(PREVIOUS) == gone.text:
            return PastRollback(
                gone,
                commit.time,
                commit.author,
                commit.trailer(REASON),
                commit.id,
                commit.trailers.get(JUDGED, ()),
            )
    return None


def duties(
    repository: Repository,
    trusted: Trusted,
    restrictions: Mapping[str, Restrictions],
    now: datetime,
    *,
    unreadable: Mapping[str, str] | None = None,
) -> Duties:
    """Return the separation of duties at the newest trusted commit.

    `restrictions` and `unreadable` are those of a survey of that commit, by deployment.
    """
    is_set_up = set_up_is_over(repository, trusted.commit, trusted.platform)
    both = _confirmed(repository, trusted) if is_set_up else ()
    return lone_paths(
        DutiesScene(
            trusted.commit, trusted.platform, is_set_up, both, restrictions, now, unreadable or {}
        )
    )


def _confirmed(repository: Repository, trusted: Trusted) -> tuple[str, ...]:
    """Return the two people who signed the whole `platform.toml`; empty if only one did."""
    for commit in repository.history(FILE, to=trusted.commit):
        if len(commit.parents) != 1:
            continue
        before = platform_at(repository, commit.parents[0])
        try:
            first = agreement(repository, commit, before)
        except VerificationError:
            continue
        second = repository.verify(commit.id, before.people)
        if first != second:
            return tuple(sorted((first, second)))
    return ()
