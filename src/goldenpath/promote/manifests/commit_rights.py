"""What one commit may change in a deployment: by a machine, and by one person alone.

These are allow lists. A machine moves percentages and digests inside an approved plan, and nothing
else: with a route, its weights and the services of its releases. On a sealed platform one person
alone changes a stage that asks for approvals only as the acts do: a release enters, gets more
traffic or leaves, a hold begins or ends. Every other field of every file needs two people, and so
does the removal of a deployment or the change of its form.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.parsers.yaml_parser import parse_yaml
from goldenpath.promote.manifests.deployment_files import (
    SERVICE_FILE,
    parse_deployments,
    render_deployment,
    route_path,
)
from goldenpath.promote.manifests.desired import Deployment, Placement, Slot
from goldenpath.promote.manifests.inference_manifest import (
    ANNOTATIONS,
    NOT_ON_CANARY,
    RUNTIME,
    is_count_variable,
)
from goldenpath.promote.manifests.placement import parse_placement
from goldenpath.promote.manifests.restrictions import Files
from goldenpath.promote.manifests.routed_services import ROUTE_FILE
from goldenpath.promote.manifests.single_service import CONTAINER, STABLE
from goldenpath.promote.platform.platform import Platform, Stage

_STATE = re.compile(r"[a-z][a-z ]{0,39}")
"""A state of the judge, such as `too few answers`."""
_MOST_STATES = 8
_FREE_ANNOTATIONS = {*ANNOTATIONS, STABLE}
_FREE_PREDICTOR = {
    "name", "minReplicas", "maxReplicas", "scaleTarget", "scaleMetric", "canaryTrafficPercent",
}  # fmt: skip
_FREE_MODEL = {"name", "runtime", "storageUri"}
"""Fields that one person sets in a stage without approvals. The reader takes only one name of a
runtime, and no name of a model that means anything."""
_AMOUNTS = {"cpu", "memory", "ephemeral-storage"}
"""What one person asks for there under `resources`."""


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


def is_guarded(stage: Stage, platform: Platform) -> bool:
    """Whether one person alone may only do what the acts do in a stage."""
    return stage.approvals > 0 or stage == platform.stages[-1]


def machine_refusal(step: FileStep) -> str:
    """Return what the commit does that a machine may not do; empty if nothing."""
    if not step.after.applied or step.after.release is None:
        return f"removes a file of {step.name}"
    if not step.before.applied or step.before.release is None:
        return f"brings {step.name}, which was not there"
    try:
        old, new = _deployment(step, step.before), _deployment(step, step.after)
        was, becomes = parse_placement(step.before.release), parse_placement(step.after.release)
    except InvalidInput as error:
        return f"makes {step.name} unreadable: {error.message}"
    known = {*(slot.digest for slot in old.releases), was.digest, was.previous}
    named = {*(slot.digest for slot in new.releases), becomes.digest, becomes.previous}
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
    if not step.after.applied:
        return f"removes {step.name}"
    try:
        new = _deployment(step, step.after)
        becomes = None if step.after.release is None else parse_placement(step.after.release)
    except InvalidInput as error:
        return f"makes {step.name} unreadable: {error.message}"
    old = _readable(step, step.before)
    was = _readable_placement(step.before.release)
    return _other_fields(step, old, new) or _record_refusal(step, old, new, was=was, is_=becomes)


def _machine_moves(
    old: Deployment, was: Placement, becomes: Placement
) -> Iterator[tuple[list[tuple[Digest, int]], Placement]]:
    """Yield every state that the machine may commit next: shares by digest, and release file."""
    shares = [(slot.digest, slot.percent) for slot in old.slots]
    yield shares, _noted(was, becomes)
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


def _noted(was: Placement, becomes: Placement) -> Placement:
    """Return the release file with one more state in which the judge holds the canary.

    It is a few plain words, each state once: the file is no place for other texts.
    """
    new = becomes.judged[-1:]
    is_new = not set(new) & set(was.judged) and len(was.judged) < _MOST_STATES
    if not is_new or not all(_STATE.fullmatch(each) for each in new):
        return was
    return replace(was, judged=(*was.judged, *new))


def _other_fields(step: FileStep, old: Deployment | None, new: Deployment) -> str:
    """Return what else the files change than digests and percentages.

    What the program itself would write for these releases, over the files before, is the only form.
    """
    if old is None and step.before.applied:
        return f"replaces the unreadable files of {step.name}"
    if step.after.applied == step.before.applied:
        return ""
    if old is not None and old.form != new.form:
        return f"changes the form of {step.name}"
    if old is None and new.standby is not None:
        return f"brings {new.standby.digest.short} into {step.name}, which was never live there"
    wanted = _as_written(new, old)
    try:
        written = render_deployment(wanted, step.platform, step.before.applied)
        different = _first_difference(written, step.after.applied)
    except InvalidInput as error:
        return f"makes {step.name} unreadable: {error.message}"
    return different and f"changes {different} of {step.name}"


def _as_written(new: Deployment, old: Deployment | None) -> Deployment:
    """Return the deployment that the acts would write for the releases with traffic."""
    if old is None:
        return replace(new, slots=tuple(_with_replicas(each, None) for each in new.slots),
                       stopped=False)  # fmt: skip
    slots = tuple(_with_replicas(each, old) for each in new.slots)
    return old.moved_to(slots)


def _first_difference(written: Mapping[str, bytes], after: Mapping[str, bytes]) -> str:
    """Return the first field in which the files differ; empty if they say the same.

    With one file its name is left out.
    """
    for path in sorted({*written, *after}):
        name = path.rpartition("/")[2]
        if path not in written or path not in after:
            return name
        expected, found = (_comparable(parse_yaml(each[path], path)) for each in (written, after))
        different = next(_differences(expected, found, ""), "")
        if different:
            return different if name == SERVICE_FILE else f"{name}: {different}"
    return ""


def _comparable(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return a file without the two fixed fields of a model that only some versions write."""
    for predictor in _predictors(value):
        model = predictor.get("model")
        for key, fixed in (("name", CONTAINER), ("runtime", RUNTIME)):
            if isinstance(model, dict) and model.get(key) == fixed:
                del model[key]
    return value


def _with_replicas(slot: Slot, old: Deployment | None) -> Slot:
    """Return the slot with its number of servers if the acts could have written it."""
    if old is None:
        return replace(slot, replicas=1)
    stable = old.slots[0].replicas
    own = next((each.replicas for each in old.releases if each.digest == slot.digest), None)
    if own is not None and slot.percent < 100:
        return replace(slot, replicas=own)
    most = max(each.replicas for each in old.releases)
    allowed = (stable, most, own, min(stable, 1))
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
    if is_ in (replace(was, hold=is_.hold), _noted(was, is_)) or (ends and is_ == confirmed):
        return ""
    return f"rewrites the record of {step.name}"


def _rights_refusal(step: FileStep) -> str:
    """Return which field with rights a commit changes in a stage without approvals."""
    try:
        # What nobody can read nobody follows, and it stops this deployment only.
        services = _services(step.after.applied)
        new = _readable(step, step.after)
        routes = _routes(step, new)
    except InvalidInput:
        return ""
    before = _model_files(step, new)
    known = [_stripped(each) for file in before for each in _predictors(file)]
    on_canary = [
        {key: value for key, value in each.items() if key not in NOT_ON_CANARY} for each in known
    ]
    frames = [_frame(each) for each in before]
    for after in services:
        for predictor in _predictors(after):
            stripped = _stripped(predictor)
            if stripped not in (*known, *on_canary):
                nearest = next(_differences(known[0], stripped, "spec.predictor"), "spec.predictor")
                return f"changes {nearest} of {step.name}"
        if _frame(after) not in frames:
            different = next(_differences(frames[0], _frame(after), ""), "the file")
            return f"changes {different} of {step.name}"
    return routes and f"changes {routes} of {step.name}"


def _services(files: Mapping[str, bytes]) -> list[dict[str, JsonValue]]:
    """Return the InferenceServices of a deployment. Raises `InvalidInput`."""
    return [
        parse_yaml(content, path)
        for path, content in files.items()
        if not path.endswith(f"/{ROUTE_FILE}")
    ]


def _routes(step: FileStep, new: Deployment | None) -> str:
    """Return which field of the route differs from what the acts write; empty if none does."""
    path = route_path(step.stage.name, step.model)
    if new is None or new.form != "routed":
        return ""
    written = render_deployment(new, step.platform, step.before.applied)
    return _first_difference({path: written[path]}, {path: step.after.applied[path]})


def _model_files(step: FileStep, new: Deployment | None) -> list[dict[str, JsonValue]]:
    """Return the InferenceServices before, or those that the acts would begin with."""
    if step.before.applied:
        try:
            found = _services(step.before.applied)
        except InvalidInput:
            found = []
        if found:
            return found
    first = Slot("r" + "0" * 12, Digest.of(b""), 100)
    form = "routed" if new is None else new.form
    wanted = Deployment(step.stage.name, step.model, (first,), form=form)
    return _services(render_deployment(wanted, step.platform))


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
        kept["model"] = {key: each for key, each in model.items() if not _is_free(key, each)}
    return kept


def _is_free(key: str, value: JsonValue) -> bool:
    """Whether one person may set a field of a model to this value.

    A cluster honours what one machine does not: any variable, secrets as variables, devices.
    """
    if key == "env":
        return isinstance(value, list) and all(map(is_count_variable, value))
    if key == "resources":
        parts = value if isinstance(value, dict) else {"": None}
        return all(
            part in ("limits", "requests") and isinstance(each, dict) and each.keys() <= _AMOUNTS
            for part, each in parts.items()
        )
    return key in _FREE_MODEL


def _frame(value: Mapping[str, JsonValue]) -> JsonValue:
    """Return an InferenceService without its predictors, its name and its free annotations."""
    metadata, spec = value.get("metadata"), value.get("spec")
    outer = {key: each for key, each in value.items() if key not in ("metadata", "spec")}
    inner = dict(metadata) if isinstance(metadata, dict) else {}
    notes = inner.get("annotations")
    if isinstance(notes, dict):
        inner["annotations"] = {k: v for k, v in notes.items() if k not in _FREE_ANNOTATIONS}
    rest = dict(spec) if isinstance(spec, dict) else {}
    return {
        **outer,
        "metadata": {key: each for key, each in inner.items() if key != "name"},
        "spec": {key: each for key, each in rest.items() if key not in ("predictor", "canary")},
    }


def _deployment(step: FileStep, files: Files) -> Deployment:
    (deployment,) = parse_deployments(files.applied, step.platform)
    return deployment


def _readable(step: FileStep, files: Files) -> Deployment | None:
    try:
        return _deployment(step, files) if files.applied else None
    except InvalidInput:
        return None


def _readable_placement(content: bytes | None) -> Placement | None:
    try:
        return None if content is None else parse_placement(content)
    except InvalidInput:
        return None


def _shown(deployment: Deployment) -> str:
    return ", ".join(f"{slot.digest.short} {slot.percent} percent" for slot in deployment.slots)
