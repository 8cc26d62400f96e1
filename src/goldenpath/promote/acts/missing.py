"""What keeps a model out of a stage: the gates that are closed, and who can open them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from goldenpath.digest import Digest
from goldenpath.promote.gates.gate import Decision
from goldenpath.promote.manifests.desired import Deployment, Placement, Restrictions
from goldenpath.promote.manifests.restrictions import marks, may_approve
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.release.attest.policy import Finding


@dataclass(frozen=True, slots=True)
class Missing:
    """The answer: one sentence, and the gates that are closed."""

    summary: str
    digest: Digest | None
    missing: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class ModelScene:
    """One model in all stages, seen from the one that it is not in."""

    platform: Platform
    stage: Stage
    model: str
    now: datetime
    deployments: Mapping[str, Deployment]
    """By the name of the stage that runs the model."""
    placement: Placement | None = None
    """How the newest release got into the stage."""
    similar: str = ""
    """A hint at a model of nearly this name that is in some stage."""

    @property
    def here(self) -> Deployment | None:
        """What the stage runs of the model."""
        return self.deployments.get(self.stage.name)


def closest(scene: ModelScene) -> Digest | None:
    """The release in the nearest stage before that differs from what the stage runs."""
    stages = [each.name for each in scene.platform.stages]
    known = set() if scene.here is None else {slot.digest for slot in scene.here.slots}
    for name in reversed(stages[: stages.index(scene.stage.name)]):
        found = scene.deployments.get(name)
        if found is not None and found.slots[-1].digest not in known:
            return found.slots[-1].digest
    return None


def is_in(scene: ModelScene, candidate: Digest) -> bool:
    """Whether the stage runs the release already, so that no gate has to be asked."""
    return scene.here is not None and candidate in {slot.digest for slot in scene.here.slots}


def missing(scene: ModelScene, candidate: Digest | None, decision: Decision | None) -> Missing:
    """Why the model is not in the stage, by what the gates said of the candidate.

    `decision` is None where no gate had to be asked.
    """
    stage, model = scene.stage.name, scene.model
    held = _held(scene)
    if candidate is None and scene.here is not None:
        digest = scene.here.slots[-1].digest
        return Missing(f"{model} is in {stage}: {digest}, and nothing newer waits", digest, held)
    if candidate is None:
        first = scene.platform.stages[0].name
        cure = scene.similar or f"bring a release into {first} with goldenpath promote"
        return Missing(f"{model} is in no stage: {cure}", None, ())
    if decision is None:
        return Missing(f"{candidate} is in {stage}", candidate, held)
    closed = tuple(each for each in decision.findings if each.status == "fail") + held
    if closed:
        names = ", ".join(finding.check for finding in closed)
        return Missing(f"{candidate} is kept out of {stage} by: {names}", candidate, closed)
    said = f"nothing but the commit: goldenpath promote {candidate} --stage {stage}"
    return Missing(said, candidate, ())


def _held(scene: ModelScene) -> tuple[Finding, ...]:
    """What lets nothing follow: a hold, or break-glass for what is there."""
    placement, stage = scene.placement, scene.stage.name
    if placement is None:
        return ()
    resume = f"goldenpath resume {scene.model} --stage {stage} --reason …"
    cures = {"hold": f"{resume}, by anybody who is listed"}
    by = placement.glass.by if placement.glass is not None else ""
    able = [
        each.name
        for each in scene.platform.people
        if each.name != by and may_approve(each, scene.stage)
    ]
    other = f"goldenpath approve {placement.digest} --stage {stage}, by one of: {', '.join(able)}"
    found = marks(Restrictions(placement.hold, placement.glass), scene.now)
    return tuple(
        Finding(each.kind, "fail", each.message, cures.get(each.kind, other)) for each in found
    )
