"""What a model still needs to enter a stage: the closed gates, and who can open them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from goldenpath.digest import Digest
from goldenpath.promote.gates.gate import Decision
from goldenpath.promote.manifests.desired import Deployment, Placement, Restrictions
from goldenpath.promote.manifests.restrictions import marks, may_approve
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.release.attest.policy import Finding


@dataclass(frozen=True, slots=True)
class PastRollback:
    """The last rollback of a model in a stage, as the commit on `main` says."""

    digest: Digest
    """The release that was taken away."""
    time: datetime
    by: str
    reason: str
    commit: str
    judged: tuple[str, ...]
    """The judge's numbers; empty if a person rolled back."""


@dataclass(frozen=True, slots=True)
class Missing:
    """The answer of `goldenpath why`: one sentence, and the closed gates."""

    summary: str
    digest: Digest | None
    missing: tuple[Finding, ...]
    rollback: PastRollback | None = None
    """Set if the stage went back from this release, or from its newest one."""


@dataclass(frozen=True, slots=True)
class ModelScene:
    """One model in all stages, and the stage that the question is about."""

    platform: Platform
    stage: Stage
    model: str
    now: datetime
    deployments: Mapping[str, Deployment]
    """By the name of the stage that runs the model."""
    placement: Placement | None = None
    """How the newest release got into the stage; None if there is none."""
    rollback: PastRollback | None = None
    """The last rollback in the stage, if nothing was promoted after it."""
    similar: str = ""
    """A hint that names a model with a similar name; empty if there is none."""

    @property
    def deployment(self) -> Deployment | None:
        """The model's deployment in the stage, if there is one."""
        return self.deployments.get(self.stage.name)


def closest(scene: ModelScene) -> Digest | None:
    """Return the release of the nearest previous stage that this stage does not run."""
    stages = [each.name for each in scene.platform.stages]
    known = set() if scene.deployment is None else {slot.digest for slot in scene.deployment.slots}
    for name in reversed(stages[: stages.index(scene.stage.name)]):
        deployment = scene.deployments.get(name)
        if deployment is not None and deployment.slots[-1].digest not in known:
            return deployment.slots[-1].digest
    return None


def is_in(scene: ModelScene, candidate: Digest) -> bool:
    """Whether the stage runs the release already, so that no gate has to be asked."""
    deployment = scene.deployment
    return deployment is not None and candidate in {slot.digest for slot in deployment.slots}


def missing(scene: ModelScene, candidate: Digest | None, decision: Decision | None) -> Missing:
    """Return why the model is not in the stage, from the decision on the candidate.

    `decision` is None if no gate had to be asked.
    """
    answer = _answer(scene, candidate, decision)
    rollback = scene.rollback
    if rollback is None or candidate not in (None, rollback.digest):
        return answer
    return replace(answer, rollback=rollback)


def _answer(scene: ModelScene, candidate: Digest | None, decision: Decision | None) -> Missing:
    stage, model = scene.stage.name, scene.model
    held = _held(scene)
    if candidate is None and scene.deployment is not None:
        digest = scene.deployment.slots[-1].digest
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
    summary = f"nothing but the commit: goldenpath promote {candidate} --stage {stage}"
    return Missing(summary, candidate, ())


def _held(scene: ModelScene) -> tuple[Finding, ...]:
    """Return the findings of a hold or of open break-glass, which let no release follow."""
    placement, stage = scene.placement, scene.stage.name
    if placement is None:
        return ()
    resume = f"goldenpath resume {scene.model} --stage {stage} --reason …"
    cures = {"hold": f"{resume}, by any listed person"}
    by = placement.break_glass.by if placement.break_glass is not None else ""
    able = [
        each.name
        for each in scene.platform.people
        if each.name != by and may_approve(each, scene.stage)
    ]
    other = f"goldenpath approve {placement.digest} --stage {stage}, by one of: {', '.join(able)}"
    shown = marks(Restrictions(placement.hold, placement.break_glass), scene.now)
    return tuple(
        Finding(each.kind, "fail", each.message, cures.get(each.kind, other)) for each in shown
    )
