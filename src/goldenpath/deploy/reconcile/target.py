"""The seam between deciding and doing: where deployments run.

A target is the only difference between a laptop and a cluster. Pure code above it decides what
should run, whether it is trusted and whether it is healthy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from goldenpath.promote.manifests.desired import Deployment


@dataclass(frozen=True, slots=True)
class Apply:
    """Make the deployment run as described. Its releases were admitted."""

    deployment: Deployment


@dataclass(frozen=True, slots=True)
class Prune:
    """Stop the deployment of this name: git does not declare it any more."""

    name: str


Action = Apply | Prune


@dataclass(frozen=True, slots=True)
class ColdStarts:
    """How long requests waited for a server that had been scaled to zero."""

    wakes: int
    p50: float
    """In seconds."""
    p99: float


@dataclass(frozen=True, slots=True)
class Running:
    """What runs of one deployment."""

    deployment: Deployment
    """The deployment as it was applied last. Routes follow once its servers are ready."""
    phase: Literal["starting", "ready", "asleep", "failed", "stopped"]
    """`asleep` means ready without a server: one starts with the next request."""
    message: str = ""
    cold_starts: ColdStarts | None = None


class Target(Protocol):
    """Where deployments run: this machine, or one Kubernetes namespace."""

    def observe(self) -> Mapping[str, Running]:
        """Return what runs now, by name. Raises `Unavailable` if the target cannot say."""

    def perform(self, action: Action) -> None:
        """Start the action and return. Doing it twice is the same as doing it once."""
