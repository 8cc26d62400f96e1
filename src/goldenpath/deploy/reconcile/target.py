"""The seam between deciding and doing: where deployments run.

A target is the whole difference between a laptop and a cluster. What should run, whether it is
trusted and whether it is healthy is decided above it by pure code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from goldenpath.promote.manifests.desired import Deployment


@dataclass(frozen=True, slots=True)
class Apply:
    """Make the deployment run as described; it was admitted."""

    deployment: Deployment


@dataclass(frozen=True, slots=True)
class Prune:
    """Stop the deployment of this name; nothing wants it any more."""

    name: str


Action = Apply | Prune


@dataclass(frozen=True, slots=True)
class ColdStarts:
    """How long requests waited for a server that had been stopped while nobody asked."""

    wakes: int
    p50: float
    """Seconds."""
    p99: float


@dataclass(frozen=True, slots=True)
class Running:
    """What runs of one deployment, whatever was asked for."""

    deployment: Deployment
    """As last applied; routes follow it once its servers are ready."""
    phase: Literal["starting", "ready", "asleep", "failed", "stopped"]
    """`asleep` is ready without a server: one starts with the next request."""
    message: str = ""
    cold_starts: ColdStarts | None = None


class Target(Protocol):
    """Where deployments run: this machine, or one Kubernetes namespace."""

    def observe(self) -> Mapping[str, Running]:
        """What runs now, by name. Raises `Unavailable` if the target cannot say."""

    def perform(self, action: Action) -> None:
        """Start the action and return; doing it twice is doing it once."""
