"""The files of a deployment, as promotions write them."""

from collections.abc import Mapping

from goldenpath.digest import Digest
from goldenpath.errors import NotFound
from goldenpath.promote.manifests.deployment_files import (
    by_folder,
    is_applied_file,
    release_path,
    render_deployment,
)
from goldenpath.promote.manifests.desired import Deployment, Placement, Rollout, Slot, slot_name
from goldenpath.promote.manifests.placement import render_placement
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.worktree import Repository


def deployed(
    platform: Platform, digest: Digest, *, stage: str = "dev", model: str = "m", hold: str = ""
) -> Mapping[str, bytes | None]:
    """The files of one release in a stage."""
    slot = Slot(slot_name(digest), digest, 100)
    placement = Placement(digest, None, "", "", Rollout(), (), None, hold=hold)
    return {
        **render_deployment(Deployment(stage, model, (slot,)), platform),
        release_path(stage, model): render_placement(placement),
    }


def instead(
    platform: Platform, digest: Digest, old: Digest, *, stage: str = "dev", model: str = "m"
) -> Mapping[str, bytes | None]:
    """The files of one release, which takes the place of another one."""
    gone = dict.fromkeys(deployed(platform, old, stage=stage, model=model))
    return {**gone, **deployed(platform, digest, stage=stage, model=model)}


def replacing(
    repository: Repository, commit: str, files: Mapping[str, bytes | None]
) -> dict[str, bytes | None]:
    """The files of whole deployments; whatever else a cluster applies of them is removed."""
    removed: dict[str, bytes | None] = {}
    for folder in by_folder(path for path in files if path.endswith("/route.yaml")):
        try:
            there = repository.entries(commit, folder) if commit else {}
        except NotFound:
            there = {}
        removed |= {path: None for path in there if is_applied_file(path.rpartition("/")[2])}
    return {**removed, **files}
