"""Renders a deployment as the KServe InferenceService and the release file, and reads them.

The same file is synced by Argo CD to a cluster and followed by the reconciler on one machine. The
field names are those of `serving.kserve.io/v1beta1`, Standard mode, with `spec.canary[]`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.gitops.desired import Deployment, Slot, Standing, slot_name
from goldenpath.gitops.placement import is_marked, parse_placement
from goldenpath.gitops.strict import parse_yaml, render_yaml
from goldenpath.promote.platform import Platform

SERVICE_FILE = "inferenceservice.yaml"
RELEASE_FILE = "release.yaml"
SCHEME = "oci+native://"
"""KServe mounts the image itself; other schemes need a shell inside it or an unpacker."""

_STOP = "serving.kserve.io/stop"
_PATH = re.compile(r"envs/(?P<stage>[^/]+)/(?P<model>[^/]+)/(?P<file>[^/]+)")
_MODEL = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
_NOT_ON_CANARY = ("maxReplicas", "scaleTarget", "scaleMetric", "autoScaling", "workerSpec")
"""KServe's webhook refuses these on a canary."""


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything below `envs/`: what could be read, and what could not and why."""

    deployments: tuple[Deployment, ...]
    problems: Mapping[str, str]
    """By deployment name (`stage/model`): one sentence."""
    ignored: tuple[str, ...]
    """Fields that KServe honours and one machine does not."""
    standing: Mapping[str, Standing] = field(default_factory=dict)
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
    _check_shares(deployment.slots, deployment.name)
    path = service_path(deployment.stage, deployment.model)
    before = _Written(parse_yaml(current, path) if current is not None else {})
    stable, *canaries = deployment.slots
    spec = {**before.spec, "predictor": before.predictor(stable, deployment.model, platform)}
    spec.pop("canary", None)
    if canaries:
        spec["canary"] = [
            {
                "trafficPercent": slot.percent,
                "predictor": {
                    key: value
                    for key, value in before.predictor(slot, deployment.model, platform).items()
                    if key not in _NOT_ON_CANARY
                },
            }
            for slot in canaries
        ]
    annotations = {
        "serving.kserve.io/deploymentMode": "Standard",
        "serving.kserve.io/autoscalerClass": "none",
        **_members(before.metadata, "annotations"),
    }
    annotations.pop(_STOP, None)
    if deployment.stopped:
        annotations[_STOP] = "true"
    service = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {**before.metadata, "name": deployment.model, "annotations": annotations},
        "spec": spec,
    }
    return {path: render_yaml(service)}


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
    standing: dict[str, Standing] = {}
    for path in sorted(files):
        found = _PATH.fullmatch(path)
        if found is None or found["file"] not in (SERVICE_FILE, RELEASE_FILE):
            continue
        stage, model = found["stage"], found["model"]
        if found["file"] == RELEASE_FILE:
            standing.update(_standing(f"{stage}/{model}", files[path]))
            continue
        try:
            reader = _Reader(path, platform)
            deployments.append(reader.deployment(stage, model, files[path]))
            ignored.extend(reader.ignored)
        except InvalidInput as error:
            problems[f"{stage}/{model}"] = error.message
    return Survey(tuple(deployments), problems, tuple(ignored), standing)


def _standing(name: str, content: bytes) -> dict[str, Standing]:
    if not is_marked(content):
        return {}
    try:
        placement = parse_placement(content)
    except InvalidInput as error:
        return {name: Standing(f"release.yaml cannot be read: {error.message}", None)}
    if not (placement.hold or placement.glass):
        return {}
    return {name: Standing(placement.hold, placement.glass)}


class _Reader:
    """Reads one InferenceService; every error names the file and the field."""

    def __init__(self, path: str, platform: Platform) -> None:
        self.path = path
        self.platform = platform
        self.ignored: list[str] = []

    def deployment(self, stage: str, model: str, content: bytes) -> Deployment:
        if self.platform.stage(stage) is None:
            raise InvalidInput(
                f"{self.path} is in the stage {stage!r}, which platform.toml has not"
            )
        if _MODEL.fullmatch(model) is None:
            raise InvalidInput(f"{self.path} has a model name that KServe would refuse: {model!r}")
        value = parse_yaml(content, self.path)
        self._is(value, "apiVersion", "serving.kserve.io/v1beta1")
        self._is(value, "kind", "InferenceService")
        metadata = self._mapping(value, "metadata")
        self._is(metadata, "name", model, "metadata.")
        annotations = self._mapping(metadata, "annotations", "metadata.")
        self._is(annotations, "serving.kserve.io/deploymentMode", "Standard", "annotation ")
        spec = self._mapping(value, "spec")
        self._note(spec, "spec.", {"predictor", "canary"})
        stable = self._slot(self._mapping(spec, "predictor", "spec."), model, "spec.predictor.")
        canaries = tuple(self._canaries(spec.get("canary", []), stable, model))
        rest = 100 - sum(slot.percent for slot in canaries)
        slots = (Slot(stable.name, stable.digest, rest, stable.replicas), *canaries)
        _check_shares(slots, self.path)
        return Deployment(stage, model, slots, annotations.get(_STOP) == "true")

    def _canaries(self, value: JsonValue, stable: Slot, model: str) -> Iterator[Slot]:
        if not isinstance(value, list):
            raise InvalidInput(f"{self.path} has spec.canary that is not a list")
        for number, each in enumerate(value):
            where = f"spec.canary[{number}]."
            if not isinstance(each, dict):
                raise InvalidInput(f"{self.path} has {where[:-1]} that is not a mapping")
            percent = each.get("trafficPercent")
            if not isinstance(percent, int) or isinstance(percent, bool) or not 0 <= percent <= 100:
                raise InvalidInput(
                    f"{self.path} has {where}trafficPercent {percent!r}, expected 0 to 100"
                )
            predictor = self._mapping(each, "predictor", where)
            for key in _NOT_ON_CANARY:
                if key in predictor:
                    raise InvalidInput(
                        f"{self.path} has {where}predictor.{key}, which KServe refuses"
                    )
            slot = self._slot(predictor, model, where + "predictor.")
            if slot.replicas > max(stable.replicas, 1):
                raise InvalidInput(
                    f"{self.path} has {where}predictor.minReplicas {slot.replicas}, "
                    f"expected at most the stable's {stable.replicas}"
                )
            yield Slot(slot.name, slot.digest, percent, slot.replicas)

    def _slot(self, predictor: Mapping[str, JsonValue], model: str, where: str) -> Slot:
        self._note(predictor, where, {"name", "minReplicas", "model"})
        source = self._mapping(predictor, "model", where)
        honoured = {"name", "modelFormat", "protocolVersion", "storageUri"}
        self._note(source, where + "model.", honoured)
        self._is(source, "protocolVersion", "v2", where + "model.")
        digest = self._digest(source.get("storageUri"), model, where + "model.storageUri")
        self._is(predictor, "name", slot_name(digest), where)
        replicas = predictor.get("minReplicas", 1)
        if not isinstance(replicas, int) or isinstance(replicas, bool) or not 0 <= replicas <= 1000:
            raise InvalidInput(
                f"{self.path} has {where}minReplicas {replicas!r}, expected 0 to 1000"
            )
        return Slot(slot_name(digest), digest, 0, replicas)

    def _digest(self, uri: JsonValue, model: str, where: str) -> Digest:
        begin = f"{SCHEME}{self.platform.registry_prefix}/{model}@"
        if not isinstance(uri, str) or not uri.startswith(begin):
            raise InvalidInput(f"{self.path} has {where} {uri!r}, expected {begin}sha256:…")
        try:
            return Digest(uri.removeprefix(begin))
        except InvalidInput as error:
            raise InvalidInput(
                f"{self.path} has {where} without a digest: {error.message}"
            ) from error

    def _mapping(
        self, value: Mapping[str, JsonValue], key: str, where: str = ""
    ) -> dict[str, JsonValue]:
        found = value.get(key)
        if not isinstance(found, dict):
            raise InvalidInput(f"{self.path} needs the mapping {where}{key}")
        return found

    def _is(self, value: Mapping[str, JsonValue], key: str, wanted: str, where: str = "") -> None:
        if value.get(key) != wanted:
            raise InvalidInput(
                f"{self.path} has {where}{key} {value.get(key)!r}, expected {wanted!r}"
            )

    def _note(self, value: Mapping[str, JsonValue], where: str, honoured: set[str]) -> None:
        self.ignored += [f"{self.path}: {where}{key}" for key in value if key not in honoured]


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
        return {**written, "name": slot.name, "minReplicas": slot.replicas, "model": source}


def _members(value: Mapping[str, JsonValue], key: str) -> dict[str, JsonValue]:
    found = value.get(key)
    return dict(found) if isinstance(found, dict) else {}


def _check_shares(slots: tuple[Slot, ...], what: str) -> None:
    if not slots:
        raise InvalidInput(f"{what} has no release")
    if len({slot.name for slot in slots}) != len(slots):
        raise InvalidInput(f"{what} has the same release twice")
    if any(not 0 <= slot.percent <= 100 for slot in slots):
        raise InvalidInput(f"{what} has shares that are not between 0 and 100")
    if sum(slot.percent for slot in slots) != 100:
        raise InvalidInput(f"{what} has shares that do not add up to 100")
