"""The files of a deployment, as promotions write them."""

from collections.abc import Mapping

from goldenpath.digest import Digest
from goldenpath.promote.manifests.deployment_files import release_path, render_deployment
from goldenpath.promote.manifests.desired import Deployment, Placement, Rollout, Slot, slot_name
from goldenpath.promote.manifests.placement import render_placement
from goldenpath.promote.platform.platform import Platform


def deployed(
    platform: Platform, digest: Digest, *, stage: str = "dev", model: str = "m", hold: str = ""
) -> Mapping[str, bytes | None]:
    """Both files of one release in a stage."""
    slot = Slot(slot_name(digest), digest, 100)
    placement = Placement(digest, None, "", "", Rollout(), (), None, hold=hold)
    return {
        **render_deployment(Deployment(stage, model, (slot,)), platform),
        release_path(stage, model): render_placement(placement),
    }
