"""What a cluster really runs of each model: releases by digest, their pods, and the route's shares.

The weights are those of the HTTPRoute, never those of a status that promises them. The digest is
what the pod mounts; where it mounts nothing, what its service names.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from goldenpath.canonical import JsonValue
from goldenpath.deploy.cluster.api_fields import entries, members
from goldenpath.deploy.cluster.cluster_status import SERVICE_LABEL, StageAnswers
from goldenpath.digest import Digest
from goldenpath.errors import Unavailable
from goldenpath.promote.manifests.desired import Deployment, slot_name
from goldenpath.promote.manifests.object_names import (
    SERVICE_NAME,
    route_name,
    service_name,
    service_of_backend,
)

_PINNED = re.compile(r"@(sha256:[0-9a-f]{64})$")


@dataclass(frozen=True, slots=True)
class ObservedPod:
    """A pod that is Ready."""

    name: str
    digest: str
    since: str
    """When it became Ready, by the cluster's own record."""


@dataclass(frozen=True, slots=True)
class ObservedModel:
    """One model in one stage of the cluster."""

    pods: Mapping[str, ObservedPod] = field(default_factory=dict)
    route: tuple[tuple[str, int], ...] = ()
    """Digest and share in percent of each backend that gets requests, sorted by digest."""


@dataclass(frozen=True, slots=True)
class ClusterChange:
    """What changed between two looks, as an event of the audit log names it."""

    kind: str
    stage: str
    model: str
    digest: str
    details: Mapping[str, JsonValue]


def observe_stage(
    stage: str, answers: StageAnswers, declared: Iterable[Deployment]
) -> dict[str, ObservedModel]:
    """Return what runs in a stage by `stage/model`, declared or not.

    Raises `Unavailable` if anything could not be read: a pod that was not seen is not gone.
    """
    for answer in (answers.services, answers.routes, answers.pods):
        if answer.state == "unknown":
            raise Unavailable(f"the cluster could not be asked about {stage}: {answer.reason}")
    wanted = [each for each in declared if each.stage == stage]
    digests = {
        service_name(each.model, slot.digest): str(slot.digest)
        for each in wanted
        for slot in each.releases
    }
    digests |= dict(_service_digests(answers.services.value))
    pods: dict[str, dict[str, ObservedPod]] = {}
    for service, pod in _ready_pods(answers.pods.value, digests):
        pods.setdefault(_model(service), {})[pod.name] = pod
    dark = {
        (each.model, str(slot.digest)) for each in wanted for slot in each.slots if not slot.percent
    }
    routes = dict(_routes(answers.routes.value, digests, dark))
    return {
        f"{stage}/{model}": ObservedModel(pods.get(model, {}), routes.get(model, ()))
        for model in sorted(pods.keys() | routes.keys())
    }


def changes(
    before: Mapping[str, ObservedModel], after: Mapping[str, ObservedModel]
) -> Iterator[ClusterChange]:
    """Yield what came, then how the route moved, then what went: as a request would meet it."""
    for name in sorted(before.keys() | after.keys()):
        stage, _, model = name.partition("/")
        old, new = before.get(name, ObservedModel()), after.get(name, ObservedModel())
        for pod in _missing(new.pods, old.pods):
            details: dict[str, JsonValue] = {**_of(pod), "since": pod.since}
            yield ClusterChange("server.ready", stage, model, pod.digest, details)
        if old.route != new.route:
            slots: list[JsonValue] = [
                {"name": slot_name(Digest(digest)), "digest": digest, "percent": percent}
                for digest, percent in new.route
            ]
            yield ClusterChange("route.changed", stage, model, "", {"slots": slots})
        for pod in _missing(old.pods, new.pods):
            yield ClusterChange("server.stopped", stage, model, pod.digest, _of(pod))


def _missing(
    pods: Mapping[str, ObservedPod], other: Mapping[str, ObservedPod]
) -> list[ObservedPod]:
    """Return the pods that the other side has not, or has with another release."""
    return [
        pod
        for name, pod in sorted(pods.items())
        if name not in other or other[name].digest != pod.digest
    ]


def _of(pod: ObservedPod) -> dict[str, JsonValue]:
    return {"slot": slot_name(Digest(pod.digest)), "replica": pod.name}


def _service_digests(services: Mapping[str, JsonValue]) -> Iterator[tuple[str, str]]:
    for item in entries(services.get("items")):
        predictor = members(members(item.get("spec")).get("predictor"))
        pinned = _PINNED.search(str(members(predictor.get("model")).get("storageUri", "")))
        if pinned is not None:
            yield str(members(item.get("metadata")).get("name", "")), pinned[1]


def _ready_pods(
    pods: Mapping[str, JsonValue], digests: Mapping[str, str]
) -> Iterator[tuple[str, ObservedPod]]:
    for item in entries(pods.get("items")):
        metadata = members(item.get("metadata"))
        service = str(members(metadata.get("labels")).get(SERVICE_LABEL, ""))
        since = _ready_since(item)
        digest = _mounted(item) or digests.get(service, "")
        if SERVICE_NAME.fullmatch(service) and since and digest:
            yield service, ObservedPod(str(metadata.get("name")), digest, since)


def _ready_since(pod: Mapping[str, JsonValue]) -> str:
    """Return since when a pod is Ready; empty if it is not, or is being removed."""
    if members(pod.get("metadata")).get("deletionTimestamp"):
        return ""
    for condition in entries(members(pod.get("status")).get("conditions")):
        if condition.get("type") == "Ready" and condition.get("status") == "True":
            return str(condition.get("lastTransitionTime") or "unknown")
    return ""


def _mounted(pod: Mapping[str, JsonValue]) -> str:
    """Return the digest of the image volume of a pod; empty if it mounts none by digest."""
    for volume in entries(members(pod.get("spec")).get("volumes")):
        pinned = _PINNED.search(str(members(volume.get("image")).get("reference", "")))
        if pinned is not None:
            return pinned[1]
    return ""


def _routes(
    routes: Mapping[str, JsonValue], digests: Mapping[str, str], dark: set[tuple[str, str]]
) -> Iterator[tuple[str, tuple[tuple[str, int], ...]]]:
    """Yield the shares of each route of ours; KServe's own are named like a service."""
    for item in entries(routes.get("items")):
        name = str(members(item.get("metadata")).get("name", ""))
        model = name.removesuffix(route_name(""))
        if route_name(model) != name or not model:
            continue
        weights: dict[str, int] = {}
        for rule in entries(members(item.get("spec")).get("rules")):
            for backend in entries(rule.get("backendRefs")):
                digest = digests.get(service_of_backend(str(backend.get("name", ""))), "")
                weight = backend.get("weight", 1)
                if digest and isinstance(weight, int):
                    weights[digest] = weights.get(digest, 0) + weight
        total = sum(weights.values()) or 1
        yield (
            model,
            tuple(
                (digest, round(100 * weight / total))
                for digest, weight in sorted(weights.items())
                # The release before waits at weight 0, and is no part of the route.
                if weight or (model, digest) in dark
            ),
        )


def _model(service: str) -> str:
    match = SERVICE_NAME.fullmatch(service)
    return match["model"] if match else ""
