"""The difference between desired and observed state, as actions."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from goldenpath.deploy.reconcile.target import Action, Apply, Prune, Running
from goldenpath.digest import Digest
from goldenpath.promote.manifests.desired import Deployment


def plan(
    desired: Mapping[str, Deployment], observed: Mapping[str, Running], held: Collection[str] = ()
) -> tuple[Action, ...]:
    """Return the actions that turn `observed` into `desired`; none when they agree.

    Deployments in `held` stay as they are: their desired state cannot be read or is not admitted.
    """
    apply = [
        Apply(deployment)
        for name, deployment in desired.items()
        if name not in held and (name not in observed or observed[name].deployment != deployment)
    ]
    prune = [Prune(name) for name in observed if name not in desired and name not in held]
    return (*apply, *prune)


def admitted_part(deployment: Deployment, refused: Collection[Digest]) -> Deployment | None:
    """Return the deployment without refused canaries; the stable release keeps their share.

    None if the stable release itself is refused.
    """
    stable, *canaries = deployment.slots
    if stable.digest in refused:
        return None
    kept = [slot for slot in canaries if slot.digest not in refused]
    rest = 100 - sum(slot.percent for slot in kept)
    return replace(deployment, slots=(replace(stable, percent=rest), *kept))
