"""Scenes: everything that an act decides on, from one consistent read of the repository."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, did_you_mean
from goldenpath.promote.gates.gate import Evidence
from goldenpath.promote.manifests.desired import Deployment, Placement
from goldenpath.promote.platform.people import not_listed
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.release.attest.policy import Person, Verified


@dataclass(frozen=True, slots=True)
class StageScene:
    """One model in one stage, as one trusted commit describes it."""

    commit: str
    """The head of `main`. The change is committed on top of it, or decided again."""
    platform: Platform
    stage: Stage
    model: str
    person: Person
    """The person or machine that acts, as `platform.toml` lists it."""
    now: datetime
    deployment: Deployment | None = None
    """None if the stage does not run the model."""
    placement: Placement | None = None
    """The content of the release file, with hold, break-glass and rollout; None without one."""
    manifests: Mapping[str, bytes] = field(default_factory=dict)
    """The present files that a cluster applies, by path; they may hold fields that people wrote."""
    hint: str = "goldenpath status shows what is where"
    """The hint for somebody who named a model that is not in the stage."""

    @property
    def name(self) -> str:
        """`stage/model`, unique on a platform."""
        return f"{self.stage.name}/{self.model}"

    @property
    def present(self) -> tuple[Deployment, Placement]:
        """The deployment and its release file. Raises `NotFound` if the model is not there."""
        if self.deployment is None or self.placement is None:
            raise NotFound(f"{self.model} is not in {self.stage.name}", hint=self.hint)
        return self.deployment, self.placement

    def require_person(self) -> None:
        """Raise `InvalidInput` if a machine acts: some decisions are for people only."""
        if self.person not in self.platform.people:
            raise not_listed(self.person.name, self.platform)


@dataclass(frozen=True, slots=True)
class ReleaseScene:
    """A release before the gates of a stage, with all its valid evidence."""

    stage: StageScene
    evidence: Evidence
    was_here: bool = False
    """Whether the release was in that stage before."""


@dataclass(frozen=True, slots=True)
class Destination:
    """The release that a rollback would go back to."""

    digest: Digest
    verified: Verified | None
    """None if it was not verified, because it was never the stable release there."""
    was_chosen: bool = False
    """Whether a person named it; else it is the stable release or the one before."""

    @property
    def was_stable(self) -> bool:
        """Whether it has been the stable release of the deployment."""
        return self.verified is not None


@dataclass(frozen=True, slots=True)
class RollbackScene:
    """One model in one stage, and where a rollback would lead."""

    stage: StageScene
    destination: Destination | None
    """None if there is no release before."""


@dataclass(frozen=True, slots=True)
class TrustScene:
    """What is trusted before a change of trust."""

    commit: str
    platform: Platform
    person: Person
    now: datetime
    base: str
    """The last change of trust. A signature over another base is not valid."""
    is_set_up: bool
    """Whether set-up is over, so that two people have to agree."""
    files: Mapping[str, bytes | None]
    """The present content of the protected files."""
    models: tuple[str, ...] = ()
    """Every model that is in a stage, if the platform file is to change."""


def stage_of(platform: Platform, name: str) -> Stage:
    """Return the stage of that name. Raises `InvalidInput` that lists the stages."""
    stage = platform.stage(name)
    if stage is None:
        known = [each.name for each in platform.stages]
        raise InvalidInput(
            f"{name!r} is not a stage: expected one of {', '.join(known)}",
            hint=did_you_mean(name, known),
        )
    return stage
