"""A deployment in one InferenceService, with its canary inside.

Repositories of 0.1 hold their deployments in this form, with `spec.canary[]`. Knative mode needs
it still, with `canaryTrafficPercent`. In Standard mode a rollback in this form is an outage:
KServe removes the servers of one release in the same pass in which it starts those of the other.
"""

import math
from collections.abc import Iterator
from dataclasses import replace

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.parsers.yaml_parser import parse_yaml, render_yaml
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.promote.manifests.inference_manifest import (
    MODE,
    NOT_ON_CANARY,
    RUNTIME,
    SCHEME,
    STOP,
    CanaryFields,
    ManifestReader,
    PredictorFields,
    ServiceManifest,
    check_shares,
    members,
)
from goldenpath.promote.manifests.object_names import service_name
from goldenpath.promote.platform.platform import Platform

STABLE = "goldenpath.example/stable"
"""Annotation with the digest of the stable release beside a canary in Knative mode. KServe keeps it
only in the status, which is not in git."""
CONTAINER = "kserve-container"
"""KServe's schema demands this name on the model of a canary, and only there."""
_OURS = ("name", "runtime")
"""Fields of a model that nobody else writes."""


def read_single(reader: ManifestReader, stage: str, content: bytes) -> Deployment:
    """Return the deployment. Raises `InvalidInput`, with all faults of form at once."""
    manifest = reader.manifest(content, reader.model)
    slots = _knative(reader, manifest) if manifest.is_knative else _standard(reader, manifest)
    check_shares(slots, reader.path)
    return Deployment(
        stage,
        reader.model,
        slots,
        manifest.is_stopped,
        reader.scaling(manifest, slots[0]),
        form="single",
    )


def _standard(reader: ManifestReader, manifest: ServiceManifest) -> tuple[Slot, ...]:
    if manifest.predictor.canary_traffic_percent is not None:
        raise InvalidInput(
            f"{reader.path} has spec.predictor.canaryTrafficPercent, which only Knative mode "
            "has: expected spec.canary"
        )
    stable = _slot(reader, manifest.predictor, "spec.predictor.", is_named=True)
    canaries = tuple(_canaries(reader, manifest.fields.spec.canary or (), stable))
    rest = 100 - sum(slot.percent for slot in canaries)
    return (replace(stable, percent=rest), *canaries)


def _knative(reader: ManifestReader, manifest: ServiceManifest) -> tuple[Slot, ...]:
    """Return the newest release; before it the stable one, while the newest is a canary."""
    path = reader.path
    if manifest.fields.spec.canary is not None:
        raise InvalidInput(
            f"{path} has spec.canary, which only Standard mode has: "
            "expected spec.predictor.canaryTrafficPercent"
        )
    newest = _slot(reader, manifest.predictor, "spec.predictor.", is_named=False)
    percent = manifest.predictor.canary_traffic_percent
    if percent is None or percent == 100:
        return (replace(newest, percent=100),)
    stable_digest = manifest.annotations.get(STABLE)
    if not isinstance(stable_digest, str):
        raise InvalidInput(
            f"{path} has spec.predictor.canaryTrafficPercent {percent} and no annotation "
            f"{STABLE}: expected the digest of the release that keeps the rest"
        )
    try:
        digest = Digest(stable_digest)
    except InvalidInput as error:
        raise InvalidInput(f"{path} has annotation {STABLE}: {error.message}") from error
    stable = replace(newest, name=slot_name(digest), digest=digest, percent=100 - percent)
    return (stable, replace(newest, percent=percent))


def _canaries(
    reader: ManifestReader, canaries: tuple[CanaryFields, ...], stable: Slot
) -> Iterator[Slot]:
    for number, canary in enumerate(canaries):
        where = f"spec.canary[{number}].predictor."
        slot = _slot(reader, canary.predictor, where, is_named=True)
        if canary.predictor.min_replicas is None:
            replicas = math.ceil(stable.replicas * canary.traffic_percent / 100)
            slot = replace(slot, replicas=replicas)
        if slot.replicas > max(stable.replicas, 1):
            raise InvalidInput(
                f"{reader.path} has {where}minReplicas {slot.replicas}, "
                f"expected at most the stable's {stable.replicas}"
            )
        yield replace(slot, percent=canary.traffic_percent)


def _slot(
    reader: ManifestReader, predictor: PredictorFields, where: str, *, is_named: bool
) -> Slot:
    slot = reader.slot(predictor, where)
    if is_named or predictor.name is not None:
        reader.require(predictor.name, f"{where}name", (slot.name,))
    reader.require(predictor.model.runtime, f"{where}model.runtime", (None, RUNTIME))
    return slot


def render_single(
    deployment: Deployment, platform: Platform, current: bytes | None, path: str
) -> bytes:
    """Return the InferenceService. Raises `InvalidInput` for what KServe would refuse.

    `current` is the present file. What people wrote into it stays: labels, annotations, resources,
    env. A new release takes over what was written for the stable one.
    """
    check_shares(deployment.slots, deployment.name)
    before = _Written(parse_yaml(current, path) if current is not None else {})
    annotations = {**_first_annotations(platform), **members(before.metadata, "annotations")}
    stable, *canaries = deployment.slots
    annotations.pop(STABLE, None)
    if annotations[MODE] == "Knative":
        spec = _knative_spec(deployment, before, platform)
        if canaries:
            annotations[STABLE] = str(stable.digest)
    else:
        spec = _standard_spec(deployment, before, platform)
    annotations.pop(STOP, None)
    if deployment.stopped:
        annotations[STOP] = "true"
    service = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {**before.metadata, "name": deployment.model, "annotations": annotations},
        "spec": spec,
    }
    return render_yaml(service)


def _first_annotations(platform: Platform) -> dict[str, JsonValue]:
    if platform.cluster.profile == "knative":
        return {MODE: "Knative"}
    return {MODE: "Standard", "serving.kserve.io/autoscalerClass": "none"}


def _standard_spec(
    deployment: Deployment, before: "_Written", platform: Platform
) -> dict[str, JsonValue]:
    """Return the spec as 0.1 wrote it, byte for byte, since followers of 0.1 judge it.

    KServe refuses `model.name` outside of a canary. A cluster takes the deployment once
    `goldenpath platform convert` has converted it.
    """
    stable, *canaries = deployment.slots
    spec = {
        **before.spec,
        "predictor": before.predictor(stable, deployment.model, platform, {"name": CONTAINER}),
    }
    spec.pop("canary", None)
    if canaries:
        spec["canary"] = [
            {
                "trafficPercent": slot.percent,
                "predictor": {
                    key: value
                    for key, value in before.predictor(
                        slot, deployment.model, platform, {"name": CONTAINER}
                    ).items()
                    if key not in NOT_ON_CANARY
                },
            }
            for slot in canaries
        ]
    return spec


def _knative_spec(
    deployment: Deployment, before: "_Written", platform: Platform
) -> dict[str, JsonValue]:
    """Return the spec in Knative mode: the newest predictor, and its share if it is a canary."""
    if len(deployment.slots) > 2:
        raise InvalidInput(f"{deployment.name} has two canaries: Knative mode has room for one")
    newest = deployment.slots[-1]
    predictor = before.predictor(newest, deployment.model, platform, {"runtime": RUNTIME})
    if len(deployment.slots) > 1:
        predictor["canaryTrafficPercent"] = newest.percent
        # Both revisions are scaled by it.
        predictor["minReplicas"] = deployment.slots[0].replicas
    spec = {**before.spec, "predictor": predictor}
    spec.pop("canary", None)
    return spec


def services_of(
    deployment: Deployment, platform: Platform, content: bytes, path: str
) -> dict[str, bytes]:
    """Return what people wrote for each release in one service, as a service for each of them."""
    before = _Written(parse_yaml(content, path))
    return {
        f"{service_name(deployment.model, slot.digest)}.yaml": render_yaml(
            {
                "metadata": before.metadata,
                "spec": {
                    **before.spec,
                    "predictor": before.predictor(slot, deployment.model, platform, {}),
                },
            }
        )
        for slot in deployment.slots
    }


class _Written:
    """The present InferenceService: fields that goldenpath does not set are kept."""

    def __init__(self, value: dict[str, JsonValue]) -> None:
        self.metadata = members(value, "metadata")
        self.spec = members(value, "spec")
        self._stable = members(self.spec, "predictor")
        listed = self.spec.get("canary")
        canaries = (
            [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        )
        self._canaries = [members(each, "predictor") for each in canaries]

    def predictor(
        self, slot: Slot, model: str, platform: Platform, more: dict[str, JsonValue]
    ) -> dict[str, JsonValue]:
        """Return the predictor of a release, with the fields that people wrote for it."""
        own = next((each for each in self._canaries if each.get("name") == slot.name), {})
        kept = {**members(self._stable, "model"), **members(own, "model")}
        source: dict[str, JsonValue] = {
            **{key: each for key, each in kept.items() if key in more or key not in _OURS},
            **more,
            "modelFormat": {"name": "onnx", "version": "1"},
            "protocolVersion": "v2",
            "storageUri": f"{SCHEME}{platform.registry_prefix}/{model}@{slot.digest}",
        }
        written = {**self._stable, **own}
        written.pop("canaryTrafficPercent", None)
        return {**written, "name": slot.name, "minReplicas": slot.replicas, "model": source}
