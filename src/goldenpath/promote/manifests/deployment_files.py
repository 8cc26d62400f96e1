"""Renders deployments as KServe InferenceServices, and reads them and their release files.

Argo CD syncs the same file to a cluster that the reconciler follows on one machine. The field names
are those of `serving.kserve.io/v1beta1`, Standard mode, with `spec.canary[]`.
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
from goldenpath.promote.manifests.unreadable_file import refuse_unreadable
from goldenpath.promote.platform.platform import Platform

SERVICE_FILE = "inferenceservice.yaml"
RELEASE_FILE = "release.yaml"
_PATH = re.compile(r"envs/(?P<stage>[^/]+)/(?P<model>[^/]+)/(?P<file>[^/]+)", re.DOTALL)
_MISPLACED = re.compile(
    r"envs/(?P<stage>[^/]+)/(?P<model>[a-z]([-a-z0-9]*[a-z0-9])?)"
    rf"(?P<rest>|/({re.escape(SERVICE_FILE)}|{re.escape(RELEASE_FILE)})/.+)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Survey:
    """All deployments below `envs/`: those that could be read, and why others could not."""

    deployments: tuple[Deployment, ...]
    problems: Mapping[str, str]
    """One sentence for each unreadable deployment, by name (`stage/model`)."""
    ignored: tuple[str, ...]
    """Fields that KServe honours and one machine does not."""
    standing: Mapping[str, Restrictions] = field(default_factory=dict)
    """Restrictions by deployment name; most deployments have none."""


def service_path(stage: str, model: str) -> str:
    """Return the path of a deployment's InferenceService."""
    return f"envs/{stage}/{model}/{SERVICE_FILE}"


def release_path(stage: str, model: str) -> str:
    """Return the path of a deployment's release file."""
    return f"envs/{stage}/{model}/{RELEASE_FILE}"


def is_deployment_file(path: str) -> bool:
    """Whether a survey reports on this path: a service file, or something in its place."""
    return path.endswith(f"/{SERVICE_FILE}") or _MISPLACED.fullmatch(path) is not None


def render_deployment(
    deployment: Deployment, platform: Platform, current: bytes | None = None
) -> Mapping[str, bytes]:
    """Return the InferenceService by path. Raises `InvalidInput` for what KServe would refuse.

    `current` is the present file. What people wrote into it stays: labels, annotations, resources,
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
        spec = _knative_spec(deployment, before, platform)
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


def _knative_spec(
    deployment: Deployment, before: "_Written", platform: Platform
) -> dict[str, JsonValue]:
    """Return the spec of a canary in Knative mode: the newest predictor and its share."""
    if len(deployment.slots) > 2:
        raise InvalidInput(f"{deployment.name} has two canaries: Knative mode has room for one")
    canary = deployment.slots[1]
    predictor = before.predictor(canary, deployment.model, platform)
    predictor["canaryTrafficPercent"] = canary.percent
    predictor["minReplicas"] = deployment.slots[0].replicas  # both revisions are scaled by it
    return {**before.spec, "predictor": predictor}


def parse_deployments(files: Mapping[str, bytes], platform: Platform) -> tuple[Deployment, ...]:
    """Return every deployment. Raises `InvalidInput` that names each malformed one."""
    result = survey(files, platform)
    if result.problems:
        raise InvalidInput("; ".join(result.problems.values()))
    return result.deployments


def survey(files: Mapping[str, bytes], platform: Platform) -> Survey:
    """Return every deployment, and the problems of the malformed ones beside them."""
    deployments: list[Deployment] = []
    problems: dict[str, str] = {}
    ignored: list[str] = []
    standing: dict[str, Restrictions] = {}
    for path in sorted(files):
        misplaced = _MISPLACED.fullmatch(path)
        if misplaced is not None:
            name = f"{misplaced['stage']}/{misplaced['model']}"
            problems[name] = _misplaced(path, misplaced["rest"], files[path])
        match = _PATH.fullmatch(path)
        if match is None or match["file"] not in (SERVICE_FILE, RELEASE_FILE):
            continue
        stage, model = match["stage"], match["model"]
        if match["file"] == RELEASE_FILE:
            standing.update(_restrictions(f"{stage}/{model}", files[path]))
            continue
        try:
            reader = ManifestReader(path, platform)
            deployments.append(reader.deployment(stage, model, files[path]))
            ignored.extend(reader.ignored)
        except InvalidInput as error:
            problems[f"{stage}/{model}"] = error.message
    return Survey(tuple(deployments), problems, tuple(ignored), standing)


def _misplaced(path: str, rest: str, content: bytes) -> str:
    """Return what is wrong with a file in the place of a folder, or a folder in that of a file."""
    if rest:
        folder = path.removesuffix(rest) + "/" + rest.split("/")[1]
        return f"{folder} is a folder, expected a file"
    try:
        refuse_unreadable(content, path)
    except InvalidInput as error:
        return f"{error.message}, expected a folder"
    return f"{path} is a file, expected a folder with {SERVICE_FILE}"


def _restrictions(name: str, content: bytes) -> dict[str, Restrictions]:
    if not is_marked(content):
        return {}
    try:
        placement = parse_placement(content)
    except InvalidInput as error:
        # An unreadable file may hold a restriction, so the deployment is held.
        return {name: Restrictions(f"release.yaml cannot be read: {error.message}", None)}
    if not (placement.hold or placement.break_glass):
        return {}
    return {name: Restrictions(placement.hold, placement.break_glass)}


class _Written:
    """The present InferenceService: fields that goldenpath does not set are kept."""

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
        """Return the predictor of a release, with the fields that people wrote for it."""
        own = next((each for each in self._canaries if each.get("name") == slot.name), {})
        source: dict[str, JsonValue] = {
            **_members(self._stable, "model"),
            **_members(own, "model"),
            # KServe's schema demands a name on a canary's model, and only there.
            "name": "kserve-container",
            "modelFormat": {"name": "onnx", "version": "1"},
            "protocolVersion": "v2",
            "storageUri": f"{SCHEME}{platform.registry_prefix}/{model}@{slot.digest}",
        }
        written = {**self._stable, **own}
        written.pop("canaryTrafficPercent", None)
        return {**written, "name": slot.name, "minReplicas": slot.replicas, "model": source}


def _members(value: Mapping[str, JsonValue], key: str) -> dict[str, JsonValue]:
    members = value.get(key)
    return dict(members) if isinstance(members, dict) else {}
