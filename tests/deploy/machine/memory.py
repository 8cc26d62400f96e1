"""An honest target without processes: a dictionary."""

from collections.abc import Mapping

from goldenpath.deploy.reconcile.target import Action, Apply, Prune, Running
from goldenpath.errors import Unavailable
from goldenpath.promote.manifests.desired import Deployment


class MemoryTarget:
    """Everything that is applied is ready at once."""

    def __init__(self) -> None:
        self.deployments: dict[str, Deployment] = {}
        self.actions: list[Action] = []
        self.is_away = False
        self.looks = 0

    def observe(self) -> Mapping[str, Running]:
        """What was applied."""
        if self.is_away:
            raise Unavailable("the target is away")
        self.looks += 1
        return {
            name: Running(each, "stopped" if each.stopped else "ready")
            for name, each in self.deployments.items()
        }

    def perform(self, action: Action) -> None:
        """Applies or prunes."""
        self.actions.append(action)
        match action:
            case Apply(deployment):
                self.deployments[deployment.name] = deployment
            case Prune(name):
                self.deployments.pop(name, None)
