"""A deployment as one InferenceService for each release, and one route with the weights.

Argo CD applies the services first and waits until they are Ready, then the route, and removes what
git dropped last. So nothing that serves goes before what follows it answers, and a rollback is one
change of one route. Every file that Argo CD would apply has to be a release of the route.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from goldenpath.canonical import JsonValue
from goldenpath.errors import InvalidInput
from goldenpath.parsers.yaml_parser import parse_yaml, render_yaml
from goldenpath.promote.manifests.desired import Deployment, Slot
from goldenpath.promote.manifests.inference_manifest import (
    MODE,
    RUNTIME,
    SCHEME,
    STOP,
    ManifestReader,
    ServiceManifest,
    check_shares,
    members,
)
from goldenpath.promote.manifests.object_names import SERVICE_NAME, service_name
from goldenpath.promote.manifests.route_manifest import (
    LAST,
    SYNC_OPTIONS,
    WAVE,
    WeightedBackend,
    parse_route,
    render_route,
)
from goldenpath.promote.platform.platform import Platform

ROUTE_FILE = "route.yaml"
MODEL_LABEL = "goldenpath.example/model"
"""Label of every service and its pods, by which dashboards and policies select a model."""


def is_service_file(file: str) -> bool:
    """Whether a file of a deployment's folder holds one release."""
    return file.endswith(".yaml") and SERVICE_NAME.fullmatch(file.removesuffix(".yaml")) is not None


def read_routed(
    folder: str, files: Mapping[str, bytes], stage: str, model: str, *, platform: Platform
) -> tuple[Deployment, tuple[str, ...]]:
    """Return the deployment, and the fields that one machine does not honour.

    `files` are those that Argo CD applies, by name. Raises `InvalidInput` that names one of them.
    """
    path = f"{folder}/{ROUTE_FILE}"
    if ROUTE_FILE not in files:
        raise InvalidInput(f"{folder} has no {ROUTE_FILE}: expected one beside its services")
    backends = parse_route(files[ROUTE_FILE], path, stage, model)
    listed = {f"{each.service}.yaml" for each in backends}
    for name in sorted(listed ^ {*files} - {ROUTE_FILE}):
        if name in listed:
            raise InvalidInput(f"{path} sends traffic to {name}, which is not there")
        raise InvalidInput(f"{folder}/{name} is no release of {ROUTE_FILE}: expected one of it")
    slots: list[Slot] = []
    manifests: list[ServiceManifest] = []
    ignored: list[str] = []
    for each in backends:
        reader = ManifestReader(f"{folder}/{each.service}.yaml", platform, model)
        manifest = reader.manifest(files[f"{each.service}.yaml"], each.service)
        slots.append(replace(_release(reader, manifest), percent=each.weight))
        manifests.append(manifest)
        scaling = reader.scaling(manifest, slots[-1])
        if len(slots) == 1:
            stable_scaling = scaling
        ignored.extend(reader.ignored)
    kept = [slot for slot, each in zip(slots[1:], backends[1:], strict=True) if _is_kept(each)]
    if len(kept) > 1:
        raise InvalidInput(f"{path} keeps {len(kept)} releases without traffic, expected one")
    split = tuple(slot for slot in slots if slot not in kept)
    check_shares(split, path)
    stopped = _stopped(manifests, folder)
    standby = kept[0] if kept else None
    return Deployment(stage, model, split, stopped, stable_scaling, standby), tuple(ignored)


def _is_kept(backend: WeightedBackend) -> bool:
    return backend.weight == 0 and not backend.is_mirrored


def _release(reader: ManifestReader, manifest: ServiceManifest) -> Slot:
    """Return the release of one service. Raises `InvalidInput` for what another form has."""
    where, predictor = "spec.predictor.", manifest.predictor
    if manifest.is_knative:
        raise InvalidInput(
            f"{reader.path} has annotation {MODE} 'Knative', expected 'Standard' beside a route"
        )
    reader.require(manifest.annotations.get(WAVE), f"annotation {WAVE}", ("0",))
    reader.require(manifest.fields.spec.canary, "spec.canary", (None,))
    reader.require(predictor.name, f"{where}name", (None,))
    reader.require(predictor.model.runtime, f"{where}model.runtime", (RUNTIME,))
    reader.require(predictor.canary_traffic_percent, f"{where}canaryTrafficPercent", (None,))
    if "name" in members(members(members(manifest.value, "spec"), "predictor"), "model"):
        raise InvalidInput(f"{reader.path} has {where}model.name, which KServe refuses")
    slot = reader.slot(predictor, where)
    reader.require(
        manifest.fields.metadata.name, "metadata.name", (service_name(reader.model, slot.digest),)
    )
    return slot


def _stopped(manifests: list[ServiceManifest], folder: str) -> bool:
    """Whether all services are stopped. Raises `InvalidInput` if only some are."""
    stopped = {each.is_stopped for each in manifests}
    if len(stopped) > 1:
        raise InvalidInput(f"{folder} stops some of its services, expected all or none")
    return True in stopped


def render_routed(
    deployment: Deployment, platform: Platform, current: Mapping[str, bytes], folder: str
) -> dict[str, bytes]:
    """Return the files by name. Raises `InvalidInput` for what the reader would refuse.

    `current` are the present files. What people wrote into them stays: labels, annotations,
    resources, env. A new release takes over what was written for the stable one.
    """
    check_shares(deployment.slots, deployment.name)
    written = {
        name: parse_yaml(content, f"{folder}/{name}")
        for name, content in current.items()
        if name == ROUTE_FILE or is_service_file(name)
    }
    route = written.get(ROUTE_FILE, {})
    model = deployment.model
    files = {
        f"{service_name(model, slot.digest)}.yaml": render_yaml(
            _service(deployment, slot, platform, dict(_base(written, model, slot)))
        )
        for slot in deployment.releases
    }
    if len(files) < len(deployment.releases):
        raise InvalidInput(
            f"{deployment.name} has two releases whose digests begin alike: a cluster has one name "
            "for both",
            hint="build one of them again",
        )
    backends = tuple(_backends(deployment))
    files[ROUTE_FILE] = render_route(deployment.stage, model, backends, platform, current=route)
    return files


def _base(
    written: Mapping[str, Mapping[str, JsonValue]], model: str, slot: Slot
) -> Mapping[str, JsonValue]:
    """Return the present service of a release, else that of the stable one."""
    own = written.get(f"{service_name(model, slot.digest)}.yaml")
    return written.get(_stable_file(written), {}) if own is None else own


def _stable_file(written: Mapping[str, Mapping[str, JsonValue]]) -> str:
    """Return the file of the stable release by the present route; empty if there is none."""
    spec = members(written.get(ROUTE_FILE, {}), "spec")
    rules = spec.get("rules")
    rule = rules[0] if isinstance(rules, list) and rules and isinstance(rules[0], dict) else {}
    backends = rule.get("backendRefs")
    first = backends[0] if isinstance(backends, list) and backends else {}
    name = first.get("name") if isinstance(first, dict) else None
    return f"{str(name).removesuffix('-predictor')}.yaml"


def _backends(deployment: Deployment) -> Iterator[WeightedBackend]:
    for place, slot in enumerate(deployment.slots):
        name = service_name(deployment.model, slot.digest)
        yield WeightedBackend(name, slot.percent, place > 0 and slot.percent == 0)
    if deployment.standby is not None:
        yield WeightedBackend(service_name(deployment.model, deployment.standby.digest), 0)


def _service(
    deployment: Deployment, slot: Slot, platform: Platform, before: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    metadata, spec = members(before, "metadata"), members(before, "spec")
    predictor = members(spec, "predictor")
    annotations: dict[str, JsonValue] = {
        "serving.kserve.io/autoscalerClass": "none",
        **members(metadata, "annotations"),
        MODE: "Standard",
        WAVE: "0",
        SYNC_OPTIONS: LAST,
    }
    annotations.pop(STOP, None)
    if deployment.stopped:
        annotations[STOP] = "true"
    model: dict[str, JsonValue] = {
        **{key: each for key, each in members(predictor, "model").items() if key != "name"},
        "runtime": RUNTIME,
        "modelFormat": {"name": "onnx", "version": "1"},
        "protocolVersion": "v2",
        "storageUri": f"{SCHEME}{platform.registry_prefix}/{deployment.model}@{slot.digest}",
    }
    kept = {key: each for key, each in predictor.items() if key != "name"}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            **metadata,
            "name": service_name(deployment.model, slot.digest),
            "labels": {MODEL_LABEL: deployment.model, **members(metadata, "labels")},
            "annotations": annotations,
        },
        "spec": {
            **{key: each for key, each in spec.items() if key not in ("predictor", "canary")},
            "predictor": {**kept, "minReplicas": slot.replicas, "model": model},
        },
    }
