"""The difference between what git wants and what runs, as actions."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from goldenpath.deploy.reconcile.target import Action, Apply, Prune, Running
from goldenpath.digest import Digest
from goldenpath.promote.manifests.desired import Deployment


def plan(
    desired: Mapping[str, Deployment], observed: Mapping[str, Running], held: Collection[str] = ()
) -> tuple[Action, ...]:
    """The actions that turn `observed` into `desired`; none when they agree.

    Deployments that are `held` stay as they run: what is wanted of them cannot be read or trusted.
    """
    apply = [
        Apply(deployment)
        for name, deployment in desired.items()
        if name not in held and (name not in observed or observed[name].deployment != deployment)
    ]
    prune = [Prune(name) for name in observed if name not in desired and name not in held]
    return (*apply, *prune)


def admitted_part(deployment: Deployment, refused: Collection[Digest]) -> Deployment | None:
    """The deployment without refused canaries, whose share the stable release keeps.

    None if the stable release itself is refused.
    """
    stable, *canaries = deployment.slots
    if stable.digest in refused:
        return None
    kept = [slot for slot in canaries if slot.digest not in refused]
    rest = 100 - sum(slot.percent for slot in kept)
    return replace(deployment, slots=(replace(stable, percent=rest), *kept))
