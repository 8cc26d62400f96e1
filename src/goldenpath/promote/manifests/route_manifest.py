"""The HTTPRoute of a model in a stage: which release gets which share of the traffic.

The first backend is the stable release, the others are canaries. A canary without a share is a
shadow: it gets copies of the requests by a mirror. The last backend without share and mirror is the
release before, kept for a rollback. Nothing else may stand in the file: a route can send traffic,
and copies of it, anywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from goldenpath.canonical import JsonValue
from goldenpath.errors import InvalidInput
from goldenpath.parsers.typed import typed
from goldenpath.parsers.yaml_parser import parse_yaml, render_yaml
from goldenpath.promote.manifests.object_names import (
    backend_name,
    host_prefix,
    route_name,
    service_of_backend,
)
from goldenpath.promote.manifests.unreadable_file import refuse_unreadable
from goldenpath.promote.platform.platform import Platform

WAVE = "argocd.argoproj.io/sync-wave"
SYNC_OPTIONS = "argocd.argoproj.io/sync-options"
LAST = "PruneLast=true"
"""What git removes goes only after everything else is healthy."""
_ANNOTATIONS: dict[str, JsonValue] = {WAVE: "1", SYNC_OPTIONS: LAST}
"""Every annotation of a route. Gateways read others as settings, some as configuration code."""
PORT = 80
"""The port of the Kubernetes Service that KServe makes for a predictor."""

_Text = Annotated[str, Meta(max_length=253)]
_Weight = Annotated[int, Meta(ge=0, le=100, title="a whole number from 0 to 100")]
_Host = Annotated[
    str, Meta(max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\Z", title="a host name")
]


class _Part(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A part of the file. A field that is not listed is refused."""


class _Backend(_Part):
    name: _Text
    port: Literal[80]
    weight: _Weight = 1
    group: Literal[""] = ""
    kind: Literal["Service"] = "Service"


class _Copied(_Part):
    name: _Text
    port: Literal[80]
    group: Literal[""] = ""
    kind: Literal["Service"] = "Service"


class _MirrorTo(_Part):
    backend_ref: _Copied


class _Filter(_Part):
    type: Literal["RequestMirror"]
    request_mirror: _MirrorTo


class _Path(_Part):
    type: Literal["PathPrefix"]
    value: Literal["/"]


class _Match(_Part):
    path: _Path


class _Rule(_Part):
    backend_refs: Annotated[tuple[_Backend, ...], Meta(min_length=1, max_length=16)]
    matches: Annotated[tuple[_Match, ...], Meta(max_length=1)] = ()
    filters: Annotated[tuple[_Filter, ...], Meta(max_length=16)] = ()


class _Parent(_Part):
    name: _Text
    namespace: _Text | None = None
    section_name: _Text | None = None
    group: Literal["gateway.networking.k8s.io"] = "gateway.networking.k8s.io"
    kind: Literal["Gateway"] = "Gateway"


class _Spec(_Part):
    parent_refs: Annotated[tuple[_Parent, ...], Meta(min_length=1, max_length=4)]
    hostnames: Annotated[tuple[_Host, ...], Meta(min_length=1, max_length=16)]
    rules: Annotated[tuple[_Rule, ...], Meta(min_length=1, max_length=1)]


class _Metadata(_Part):
    name: str
    annotations: dict[str, str]
    labels: dict[str, str] = {}


class _RouteFile(_Part):
    api_version: Literal["gateway.networking.k8s.io/v1"]
    kind: Literal["HTTPRoute"]
    metadata: _Metadata
    spec: _Spec


@dataclass(frozen=True, slots=True)
class WeightedBackend:
    """One service of a route and its share of the traffic."""

    service: str
    """The name of the InferenceService behind it."""
    weight: int
    is_mirrored: bool = False
    """Whether it gets copies of the requests."""


def parse_route(content: bytes, path: str, stage: str, model: str) -> tuple[WeightedBackend, ...]:
    """Return the backends in order. Raises `InvalidInput` that names file and field."""
    refuse_unreadable(content, path)
    file = typed(parse_yaml(content, path), _RouteFile, path)
    _require(path, "metadata.name", file.metadata.name, route_name(model))
    _require(path, "metadata.annotations", file.metadata.annotations, _ANNOTATIONS)
    begin = host_prefix(stage, model)
    for host in file.spec.hostnames:
        if not host.startswith(begin):
            raise InvalidInput(
                f"{path} has spec.hostnames {host!r}, expected one that begins with {begin}, since "
                "another host may belong to another model"
            )
    (rule,) = file.spec.rules
    mirrored = [each.request_mirror.backend_ref.name for each in rule.filters]
    backends = tuple(_backend(each, mirrored, path) for each in rule.backend_refs)
    names = [each.service for each in backends]
    if len(set(names)) != len(names):
        raise InvalidInput(f"{path} has the same release twice")
    shadows = [backend_name(each.service) for each in backends if each.is_mirrored]
    if sorted(mirrored) != sorted(shadows):
        raise InvalidInput(
            f"{path} has copies for {', '.join(mirrored)}, expected each backend of it once"
        )
    return backends


def render_route(
    stage: str,
    model: str,
    backends: tuple[WeightedBackend, ...],
    platform: Platform,
    *,
    current: Mapping[str, JsonValue],
) -> bytes:
    """Return the file. Hosts, gateway and labels of `current` stay as they are."""
    metadata, spec = _members(current, "metadata"), _members(current, "spec")
    namespace, _, gateway = platform.cluster.gateway.partition("/")
    labels = metadata.get("labels")
    copies = [
        {"type": "RequestMirror", "requestMirror": {"backendRef": _reference(each)}}
        for each in backends
        if each.is_mirrored
    ]
    rule = {
        "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
        **({"filters": copies} if copies else {}),
        "backendRefs": [{**_reference(each), "weight": each.weight} for each in backends],
    }
    gateways: JsonValue = [
        {
            "group": "gateway.networking.k8s.io",
            "kind": "Gateway",
            "namespace": namespace,
            "name": gateway,
        }
    ]
    hosts: JsonValue = [f"{host_prefix(stage, model)}{platform.cluster.domain}"]
    return render_yaml(
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {
                "name": route_name(model),
                **({"labels": labels} if labels else {}),
                "annotations": _ANNOTATIONS,
            },
            "spec": {
                "parentRefs": spec.get("parentRefs") or gateways,
                "hostnames": spec.get("hostnames") or hosts,
                "rules": [rule],
            },
        }
    )


def _backend(backend: _Backend, mirrored: list[str], path: str) -> WeightedBackend:
    service = service_of_backend(backend.name)
    if not service:
        raise InvalidInput(
            f"{path} has the backend {backend.name!r}, expected the predictor of a release"
        )
    is_mirrored = backend.name in mirrored
    if is_mirrored and backend.weight:
        raise InvalidInput(f"{path} has copies for {backend.name}, which has traffic of its own")
    return WeightedBackend(service, backend.weight, is_mirrored)


def _reference(backend: WeightedBackend) -> dict[str, JsonValue]:
    name = backend_name(backend.service)
    return {"group": "", "kind": "Service", "name": name, "port": PORT}


def _require(path: str, key: str, value: object, expected: object) -> None:
    if value != expected:
        raise InvalidInput(f"{path} has {key} {value!r}, expected {expected!r}")


def _members(value: Mapping[str, JsonValue], key: str) -> Mapping[str, JsonValue]:
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}
