"""Renders a deployment as the KServe InferenceService and the release file, and reads them.

The same file is synced by Argo CD to a cluster and followed by the reconciler on one machine. The
field names are those of `serving.kserve.io/v1beta1`, Standard mode, with `spec.canary[]`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from goldenpath.canonical import JsonValue
from goldenpath.errors import InvalidInput
from goldenpath.parsers.yaml_parser import parse_yaml, render_yaml
from goldenpath.promote.manifests.desired import Deployment, Restrictions, Slot
from goldenpath.promote.manifests.inference_manifest import (
    MODE,
    NOT_ON_CANARY,
    SCHEME,
    STABLE,
    STOP,
    ManifestReader,
    check_shares,
)
from goldenpath.promote.manifests.placement import is_marked, parse_placement
from goldenpath.promote.platform.platform import Platform

SERVICE_FILE = "inferenceservice.yaml"
RELEASE_FILE = "release.yaml"
_PATH = re.compile(r"envs/(?P<stage>[^/]+)/(?P<model>[^/]+)/(?P<file>[^/]+)")


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything below `envs/`: what could be read, and what could not and why."""

    deployments: tuple[Deployment, ...]
    problems: Mapping[str, str]
    """By deployment name (`stage/model`): one sentence."""
    ignored: tuple[str, ...]
    """Fields that KServe honours and one machine does not."""
    standing: Mapping[str, Restrictions] = field(default_factory=dict)
    """What is held, by deployment name; most are not."""


def service_path(stage: str, model: str) -> str:
    """Where the InferenceService of a deployment stands."""
    return f"envs/{stage}/{model}/{SERVICE_FILE}"


def release_path(stage: str, model: str) -> str:
    """Where the release file of a deployment stands."""
    return f"envs/{stage}/{model}/{RELEASE_FILE}"


def render_deployment(
    deployment: Deployment, platform: Platform, current: bytes | None = None
) -> Mapping[str, bytes]:
    """The InferenceService, by path. Raises `InvalidInput` for what KServe would refuse.

    What people wrote into `current`, the file as it stands, stays: labels, annotations, resources,
    env. A new release takes over what was written for the stable one.
    """
    check_shares(deployment.slots, deployment.name)
    path = service_path(deployment.stage, deployment.model)
    before = _Written(parse_yaml(current, path) if current is not None else {})
    annotations = {
        MODE: "Standard",
        "serving.kserve.io/autoscalerClass": "none",
        **_members(before.metadata, "annotations"),
    }
    stable, *canaries = deployment.slots
    annotations.pop(STABLE, None)
    if canaries and annotations[MODE] == "Knative":
        annotations[STABLE] = str(stable.digest)
        spec = _in_one(deployment, before, platform)
    else:
        spec = {**before.spec, "predictor": before.predictor(stable, deployment.model, platform)}
    spec.pop("canary", None)
    if canaries and STABLE not in annotations:
        spec["canary"] = [
            {
                "trafficPercent": slot.percent,
                "predictor": {
                    key: value
                    for key, value in before.predictor(slot, deployment.model, platform).items()
                    if key not in NOT_ON_CANARY
                },
            }
            for slot in canaries
        ]
    annotations.pop(STOP, None)
    if deployment.stopped:
        annotations[STOP] = "true"
    service = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {**before.metadata, "name": deployment.model, "annotations": annotations},
        "spec": spec,
    }
    return {path: render_yaml(service)}


def _in_one(deployment: Deployment, before: "_Written", platform: Platform) -> dict[str, JsonValue]:
    """The spec of a canary in Knative mode: the newest predictor and its share of the traffic."""
    if len(deployment.slots) > 2:
        raise InvalidInput(f"{deployment.name} has two canaries: Knative mode has room for one")
    canary = deployment.slots[1]
    predictor = before.predictor(canary, deployment.model, platform)
    predictor["canaryTrafficPercent"] = canary.percent
    predictor["minReplicas"] = deployment.slots[0].replicas  # both revisions are scaled by it
    return {**before.spec, "predictor": predictor}


def parse_deployments(files: Mapping[str, bytes], platform: Platform) -> tuple[Deployment, ...]:
    """Every deployment of the repository. Raises `InvalidInput` naming each that is malformed."""
    found = survey(files, platform)
    if found.problems:
        raise InvalidInput("; ".join(found.problems.values()))
    return found.deployments


def survey(files: Mapping[str, bytes], platform: Platform) -> Survey:
    """Like `parse_deployments`, but one malformed file does not hide the others."""
    deployments: list[Deployment] = []
    problems: dict[str, str] = {}
    ignored: list[str] = []
    standing: dict[str, Restrictions] = {}
    for path in sorted(files):
        found = _PATH.fullmatch(path)
        if found is None or found["file"] not in (SERVICE_FILE, RELEASE_FILE):
            continue
        stage, model = found["stage"], found["model"]
        if found["file"] == RELEASE_FILE:
            standing.update(_standing(f"{stage}/{model}", files[path]))
            continue
        try:
            reader = ManifestReader(path, platform)
            deployments.append(reader.deployment(stage, model, files[path]))
            ignored.extend(reader.ignored)
        except InvalidInput as error:
            problems[f"{stage}/{model}"] = error.message
    return Survey(tuple(deployments), problems, tuple(ignored), standing)


def _standing(name: str, content: bytes) -> dict[str, Restrictions]:
    if not is_marked(content):
        return {}
    try:
        placement = parse_placement(content)
    except InvalidInput as error:
        return {name: Restrictions(f"release.yaml cannot be read: {error.message}", None)}
    if not (placement.hold or placement.glass):
        return {}
    return {name: Restrictions(placement.hold, placement.glass)}


class _Written:
    """The file as it stands: what of it is not ours to say is kept."""

    def __init__(self, value: dict[str, JsonValue]) -> None:
        self.metadata = _members(value, "metadata")
        self.spec = _members(value, "spec")
        self._stable = _members(self.spec, "predictor")
        listed = self.spec.get("canary")
        canaries = (
            [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        )
        self._canaries = [_members(each, "predictor") for each in canaries]

    def predictor(self, slot: Slot, model: str, platform: Platform) -> dict[str, JsonValue]:
        """The predictor of a release, with what was written for it, else for the stable one."""
        own = next((each for each in self._canaries if each.get("name") == slot.name), {})
        source: dict[str, JsonValue] = {
            **_members(self._stable, "model"),
            **_members(own, "model"),
            # The definition demands a name on a canary's model, and only there.
            "name": "kserve-container",
            "modelFormat": {"name": "onnx", "version": "1"},
            "protocolVersion": "v2",
            "storageUri": f"{SCHEME}{platform.registry_prefix}/{model}@{slot.digest}",
        }
        written = {**self._stable, **own}
        written.pop("canaryTrafficPercent", None)
        return {**written, "name": slot.name, "minReplicas": slot.replicas, "model": source}


def _members(value: Mapping[str, JsonValue], key: str) -> dict[str, JsonValue]:
    found = value.get(key)
    return dict(found) if isinstance(found, dict) else {}
