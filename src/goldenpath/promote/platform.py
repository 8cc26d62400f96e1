"""`platform.toml` as values: stages and their order, trust, registry and gateway.

The file lives in the gitops repository, so trust itself has a history and changes by signed commit.
"""

from dataclasses import dataclass
from datetime import timedelta

from goldenpath.attest.policy import Person, TrustedKey

FILE = "platform.toml"


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the road and what it demands of a release."""

    name: str
    gates: tuple[str, ...]
    approvals: int = 0
    """Distinct people that must approve, the author of the change excluded."""
    approver_roles: tuple[str, ...] = ()
    """Any approver needs one of these; empty admits every listed person."""
    soak: timedelta = timedelta(0)
    """How long a release must have been live in the stage before."""


@dataclass(frozen=True, slots=True)
class Platform:
    """The whole file."""

    stages: tuple[Stage, ...]
    """In the order in which a release goes through them."""
    registry_prefix: str
    """What `storageUri` starts with, without scheme: host and path, then the model's name."""
    registry_store: str
    """URI of the store behind it, for `goldenpath.wire.open_store`."""
    build_keys: tuple[TrustedKey, ...]
    """Keys of machines that build and sign releases."""
    commit_keys: tuple[Person, ...]
    """SSH keys of machines that may commit canary steps and rollbacks."""
    people: tuple[Person, ...]
    gateway: str = "127.0.0.1:8080"
    repository: str | None = None
    """Remote that releases must have been built from; None accepts any."""

    def stage(self, name: str) -> Stage | None:
        """The stage of that name."""
        return next((stage for stage in self.stages if stage.name == name), None)

    def before(self, stage: Stage) -> Stage | None:
        """The stage that a release has to pass first; None for the first stage."""
        position = self.stages.index(stage)
        return self.stages[position - 1] if position else None
