"""What an act sees: one consistent read of the repository, who acts, and when."""

from collections.abc import Mapping
from dataclasses import dataclass
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
    """One model in one stage, as a trusted commit wants it."""

    commit: str
    """The head of `main`; what is decided is committed on top of it, or decided again."""
    platform: Platform
    stage: Stage
    model: str
    person: Person
    """Who acts, as `platform.toml` lists them; a machine has an entry too."""
    now: datetime
    deployment: Deployment | None = None
    """None if the stage does not run the model."""
    placement: Placement | None = None
    """With it: hold, break-glass and rollout plan. None without a release file."""
    manifest: bytes | None = None
    """The InferenceService as it stands: people may have written into it."""
    hint: str = "goldenpath status shows what is where"
    """What helps somebody who named a model that is not there."""

    @property
    def name(self) -> str:
        """`stage/model`, unique on a platform."""
        return f"{self.stage.name}/{self.model}"

    @property
    def present(self) -> tuple[Deployment, Placement]:
        """What the stage runs of the model, and how it got there. Raises `NotFound`."""
        if self.deployment is None or self.placement is None:
            raise NotFound(f"{self.model} is not in {self.stage.name}", hint=self.hint)
        return self.deployment, self.placement

    def require_person(self) -> None:
        """Raises `InvalidInput` if a machine acts: some decisions are for people."""
        if self.person not in self.platform.people:
            raise not_listed(self.person.name, self.platform)


@dataclass(frozen=True, slots=True)
class ReleaseScene:
    """A release before the gates of a stage, with all the evidence that counts about it."""

    stage: StageScene
    evidence: Evidence
    was_here: bool = False
    """Whether the release was in that stage before."""


@dataclass(frozen=True, slots=True)
class Destination:
    """The release that a rollback would go back to."""

    digest: Digest
    verified: Verified | None
    """None if nobody asked, because it was never the stable release there."""
    was_chosen: bool = False
    """Whether somebody named it; else it is the stable release or the one before."""

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
    """What is trusted now, before somebody changes it."""

    commit: str
    platform: Platform
    person: Person
    now: datetime
    base: str
    """The last change of trust: a signature that names it counts for nothing later."""
    is_set_up: bool
    """Whether set-up is over, so that two people have to agree."""
    files: Mapping[str, bytes | None]
    """The protected files as they stand."""


def stage_of(platform: Platform, name: str) -> Stage:
    """The stage of that name. Raises `InvalidInput` naming those that there are."""
    stage = platform.stage(name)
    if stage is None:
        known = [each.name for each in platform.stages]
        raise InvalidInput(
            f"{name!r} is not a stage: expected one of {', '.join(known)}",
            hint=did_you_mean(name, known),
        )
    return stage
