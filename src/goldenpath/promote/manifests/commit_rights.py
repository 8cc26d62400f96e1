"""What one commit may change in a deployment: by a machine, and by one person alone.

These are allow lists. A machine moves percentages and digests inside an approved plan, and nothing
else. On a sealed platform one person alone changes a stage that asks for approvals only as the acts
do: a release enters, gets more traffic or leaves, a hold begins or ends. Every other field of both
files needs two people, and so does the removal of a file.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.parsers.yaml_parser import parse_yaml
from goldenpath.promote.manifests.deployment_files import (
    parse_deployments,
    render_deployment,
    service_path,
)
from goldenpath.promote.manifests.desired import Deployment, Placement, Slot
from goldenpath.promote.manifests.inference_manifest import NOT_ON_CANARY
from goldenpath.promote.manifests.placement import parse_placement
from goldenpath.promote.manifests.restrictions import Files
from goldenpath.promote.platform.platform import Platform, Stage

_FREE = {"labels", "annotations"}
_FREE_PREDICTOR = {
    "name", "minReplicas", "maxReplicas", "scaleTarget", "scaleMetric", "canaryTrafficPercent",
}  # fmt: skip
_FREE_MODEL = {"name", "storageUri", "env", "resources"}
"""Fields that one person sets in a stage without approvals; a canary's model has a name of its
own, and the stable one's has none."""


@dataclass(frozen=True, slots=True)
class FileStep:
    """The files of one deployment before and after a commit."""

    before: Files
    after: Files
    stage: Stage
    model: str
    platform: Platform

    @property
    def name(self) -> str:
        """`stage/model`."""
        return f"{self.stage.name}/{self.model}"

    @property
    def path(self) -> str:
        """The path of the InferenceService."""
        return service_path(self.stage.name, self.model)


def is_guarded(stage: Stage, platform: Platform) -> bool:
    """Whether one person alone may only do what the acts do in a stage."""
    return stage.approvals > 0 or stage == platform.stages[-1]


def machine_refusal(step: FileStep) -> str:
    """Return what the commit does that a machine may not do; empty if nothing."""
    if step.after.service is None or step.after.release is None:
        return f"removes a file of {step.name}"
    if step.before.service is None or step.before.release is None:
        return f"brings {step.name}, which was not there"
    try:
        old, new = _deployment(step, step.before.service), _deployment(step, step.after.service)
        was, becomes = parse_placement(step.before.release), parse_placement(step.after.release)
    except InvalidInput as error:
        return f"makes {step.name} unreadable: {error.message}"
    known = {*(slot.digest for slot in old.slots), was.digest, was.previous}
    named = {*(slot.digest for slot in new.slots), becomes.digest, becomes.previous}
    added = {digest for digest in named - known if digest is not None}
    if added:
        return f"brings {min(added)} into {step.name}"
    if was.hold and becomes.hold != was.hold:
        return f"ends the hold of {step.name}"
    if was.rollout != becomes.rollout:
        return f"changes how {step.name} is judged"
    allowed = [slots for slots, placement in _machine_moves(old, was, becomes)
               if placement == becomes]  # fmt: skip
    if [(slot.digest, slot.percent) for slot in new.slots] not in allowed:
        return (
            f"changes {step.name} otherwise than by a later step of its plan or by going back: "
            f"{_shown(new)}"
        )
    return _other_fields(step, old, new)


def lone_refusal(step: FileStep) -> str:
    """Return what the commit changes that one person alone may not; empty if nothing.

    The platform is sealed. Whether a release may run is not decided here but by admission.
    """
    if not is_guarded(step.stage, step.platform):
        return _rights_refusal(step)
    if step.after.service is None:
        return f"removes {step.name}"
    try:
        new = _deployment(step, step.after.service)
        becomes = None if step.after.release is None else parse_placement(step.after.release)
    except InvalidInput as error:
        return f"makes {step.name} unreadable: {error.message}"
    old = _readable(step, step.before.service)
    was = _readable_placement(step.before.release)
    return _other_fields(step, old, new) or _record_refusal(step, old, new, was=was, is_=becomes)


def _machine_moves(
    old: Deployment, was: Placement, becomes: Placement
) -> Iterator[tuple[list[tuple[Digest, int]], Placement]]:
    """Yield every state that the machine may commit next: shares by digest, and release file."""
    shares = [(slot.digest, slot.percent) for slot in old.slots]
    noted = becomes.judged[-1:]
    yield shares, replace(was, judged=(*was.judged, *noted))
    stable, canary = old.slots[0], old.slots[-1]
    if len(old.slots) > 1:
        for percent in {each for each in was.rollout.steps if each > canary.percent}:
            stays = [] if percent >= 100 else [(stable.digest, 100 - percent)]
            yield [*stays, (canary.digest, percent)], replace(was, judged=())
    back_to = stable.digest if len(old.slots) > 1 else was.previous
    if back_to is not None:
        after = was.gone_back(back_to, canary.digest)
        yield [(back_to, 100)], after
        yield [(back_to, 100)], replace(after, rolled_back=None)


def _other_fields(step: FileStep, old: Deployment | None, new: Deployment) -> str:
    """Return what else the InferenceService changes than digests and percentages.

    What the program itself would write for these releases, over the file before, is the only form.
    """
    after = step.after.service or b""
    if old is None and step.before.service is not None:
        return f"replaces the unreadable file of {step.name}"
    if after == step.before.service:
        return ""
    slots = tuple(_with_replicas(each, old) for each in new.slots)
    allowed = replace(new, slots=slots, stopped=old is not None and old.stopped)
    try:
        written = render_deployment(allowed, step.platform, step.before.service)[step.path]
        expected, written_file = parse_yaml(written, step.path), parse_yaml(after, step.path)
    except InvalidInput as error:
        return f"makes {step.name} unreadable: {error.message}"
    different = next(_differences(expected, written_file, ""), "")
    return different and f"changes {different} of {step.name}"


def _with_replicas(slot: Slot, old: Deployment | None) -> Slot:
    """Return the slot with its number of servers if the acts could have written it."""
    if old is None:
        return replace(slot, replicas=1)
    stable = old.slots[0].replicas
    own = next((each.replicas for each in old.slots if each.digest == slot.digest), None)
    if own is not None and slot.percent < 100:
        return replace(slot, replicas=own)
    allowed = (stable, max(each.replicas for each in old.slots), own, min(stable, 1))
    return slot if slot.replicas in allowed else replace(slot, replicas=stable)


def _differences(expected: JsonValue, actual: JsonValue, where: str) -> Iterator[str]:
    """Yield the path of each member that differs."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in sorted({*expected, *actual}):
            inner = f"{where}.{key}" if where else key
            if key not in actual or key not in expected:
                yield inner
            else:
                yield from _differences(expected[key], actual[key], inner)
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for number, (one, other) in enumerate(zip(expected, actual, strict=True)):
            yield from _differences(one, other, f"{where}[{number}]")
    elif expected != actual or isinstance(expected, bool) != isinstance(actual, bool):
        yield where or "the file"


def _record_refusal(
    step: FileStep,
    old: Deployment | None,
    new: Deployment,
    *,
    was: Placement | None,
    is_: Placement | None,
) -> str:
    """Return how the release file is rewritten; empty if it says what the acts would write."""
    if step.before.release == step.after.release:
        return ""
    if is_ is None:
        return f"removes the release file of {step.name}"
    digests = {slot.digest for slot in new.slots}
    before = set() if old is None else {slot.digest for slot in old.slots}
    if old is None or old.slots != new.slots:
        if is_.digest in digests and is_.previous in {None, *before, was and was.previous}:
            return ""
        return f"writes a release file of {step.name} for another release"
    if was is None:
        return f"writes a release file of {step.name} later"
    confirmed = replace(was, break_glass=None, approvals=is_.approvals)
    grows = is_.approvals[: len(was.approvals)] == was.approvals
    ends = was.break_glass is not None and len(is_.approvals) == len(was.approvals) + 1 and grows
    noted = replace(was, judged=(*was.judged, *is_.judged[-1:]))
    if is_ in (replace(was, hold=is_.hold), noted) or (ends and is_ == confirmed):
        return ""
    return f"rewrites the record of {step.name}"


def _rights_refusal(step: FileStep) -> str:
    """Return which field with rights a commit changes in a stage without approvals."""
    if step.after.service is None:
        return ""
    try:
        after = parse_yaml(step.after.service, step.path)
    except InvalidInput:
        return ""  # nobody can follow it, and it stops this deployment only
    known = [_stripped(each) for each in _predictors(_model_file(step))]
    on_canary = [
        {key: value for key, value in each.items() if key not in NOT_ON_CANARY} for each in known
    ]
    for predictor in _predictors(after):
        stripped = _stripped(predictor)
        if stripped not in (*known, *on_canary):
            nearest = next(_differences(known[0], stripped, "spec.predictor"), "spec.predictor")
            return f"changes {nearest} of {step.name}"
    expected, got = _frame(_model_file(step)), _frame(after)
    different = next(_differences(expected, got, ""), "")
    return different and f"changes {different} of {step.name}"


def _model_file(step: FileStep) -> Mapping[str, JsonValue]:
    """Return the InferenceService before, or the one that the acts would begin with."""
    if step.before.service is not None:
        try:
            return parse_yaml(step.before.service, step.path)
        except InvalidInput:
            pass
    first = Slot("r" + "0" * 12, Digest.of(b""), 100)
    deployment = Deployment(step.stage.name, step.model, (first,))
    return parse_yaml(render_deployment(deployment, step.platform)[step.path], step.path)


def _predictors(value: Mapping[str, JsonValue]) -> Iterator[dict[str, JsonValue]]:
    spec = value.get("spec")
    listed = spec.get("canary") if isinstance(spec, dict) else None
    canaries = (
        [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    )
    for holder in (spec, *canaries):
        predictor = holder.get("predictor") if isinstance(holder, dict) else None
        yield predictor if isinstance(predictor, dict) else {}


def _stripped(predictor: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return a predictor without the fields that one person may set."""
    kept = {key: value for key, value in predictor.items() if key not in _FREE_PREDICTOR}
    model = kept.get("model")
    if isinstance(model, dict):
        kept["model"] = {key: each for key, each in model.items() if key not in _FREE_MODEL}
    return kept


def _frame(value: Mapping[str, JsonValue]) -> JsonValue:
    """Return an InferenceService without its predictors, labels and annotations."""
    metadata, spec = value.get("metadata"), value.get("spec")
    outer = {key: each for key, each in value.items() if key not in ("metadata", "spec")}
    inner = dict(metadata) if isinstance(metadata, dict) else {}
    rest = dict(spec) if isinstance(spec, dict) else {}
    return {
        **outer,
        "metadata": {key: each for key, each in inner.items() if key not in _FREE},
        "spec": {key: each for key, each in rest.items() if key not in ("predictor", "canary")},
    }


def _deployment(step: FileStep, content: bytes) -> Deployment:
    (deployment,) = parse_deployments({step.path: content}, step.platform)
    return deployment


def _readable(step: FileStep, content: bytes | None) -> Deployment | None:
    try:
        return None if content is None else _deployment(step, content)
    except InvalidInput:
        return None


def _readable_placement(content: bytes | None) -> Placement | None:
    try:
        return None if content is None else parse_placement(content)
    except InvalidInput:
        return None


def _shown(deployment: Deployment) -> str:
    return ", ".join(f"{slot.digest.short} {slot.percent} percent" for slot in deployment.slots)
