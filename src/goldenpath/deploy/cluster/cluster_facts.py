"""Everything that the checks of a cluster need, read at once before any of them decides."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from goldenpath.canonical import JsonValue
from goldenpath.deploy.cluster.api_fields import entries, members
from goldenpath.deploy.cluster.kubectl import ClusterAnswer, Kubectl, TriedObject
from goldenpath.promote.manifests.object_names import namespace_of

RESOURCES: Mapping[str, tuple[str, ...]] = {
    "serving.kserve.io/v1beta1": ("inferenceservices",),
    "serving.kserve.io/v1alpha1": ("servingruntimes", "clusterstoragecontainers"),
    "gateway.networking.k8s.io/v1": ("gateways", "httproutes"),
    "argoproj.io/v1alpha1": ("appprojects", "applications", "applicationsets"),
}
"""The resources that our files and Argo CD's need, by group and version."""
_NO_DIGEST = f"sha256:{'0' * 64}"
_FOREIGN = "registry.invalid/somebody/else"


@dataclass(frozen=True, slots=True)
class ClusterWish:
    """What a platform needs of its cluster."""

    stages: tuple[str, ...]
    registry_prefix: str
    url: str
    gateway: str
    """Namespace and name."""


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """The answers of one cluster."""

    version: ClusterAnswer
    resources: Mapping[str, ClusterAnswer]
    nodes: ClusterAnswer
    kserve: ClusterAnswer
    """The configuration of KServe."""
    argocd: ClusterAnswer
    """The configuration of Argo CD."""
    follower: ClusterAnswer
    """The ApplicationSet that follows the platform."""
    gateway: ClusterAnswer
    namespaces: Mapping[str, ClusterAnswer]
    """The namespace of each stage."""
    runtimes: Mapping[str, ClusterAnswer]
    """The ServingRuntime of each stage."""
    service: TriedObject
    own_volume: TriedObject
    """A pod that mounts an image of the platform."""
    foreign_volume: TriedObject
    """A pod that mounts an image of somebody else."""
    asked: tuple[datetime, datetime]
    """Our clock just before and after `own_volume` was tried."""


def read_facts(kubectl: Kubectl, wish: ClusterWish, clock: Callable[[], datetime]) -> ClusterFacts:
    """Ask everything. Never raises: what could not be asked is an answer as well."""
    namespace, _, gateway = wish.gateway.partition("/")
    gateways = f"/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/gateways"
    place = _namespace(kubectl, wish)
    runtimes = dict(_runtimes(kubectl, wish))
    release = f"{wish.registry_prefix}/doctor@{_NO_DIGEST}"
    # Our policies let in pods with the image of the runtime alone.
    image = next(filter(None, map(_server_image, runtimes.values())), release)
    began = clock()
    own = kubectl.try_out(_pod(place, image, release))
    ended = clock()
    return ClusterFacts(
        version=kubectl.get("/version"),
        resources={group: kubectl.get(f"/apis/{group}") for group in RESOURCES},
        nodes=kubectl.get("/api/v1/nodes"),
        kserve=kubectl.get("/api/v1/namespaces/kserve/configmaps/inferenceservice-config"),
        argocd=kubectl.get("/api/v1/namespaces/argocd/configmaps/argocd-cm"),
        follower=kubectl.get("/apis/argoproj.io/v1alpha1/namespaces/argocd/applicationsets/models"),
        gateway=kubectl.get(f"{gateways}/{gateway}"),
        namespaces={
            stage: kubectl.get(f"/api/v1/namespaces/{namespace_of(stage)}") for stage in wish.stages
        },
        runtimes=runtimes,
        service=kubectl.try_out(_service(place, wish)),
        own_volume=own,
        foreign_volume=kubectl.try_out(_pod(place, image, f"{_FOREIGN}@{_NO_DIGEST}")),
        asked=(began, ended),
    )


def _runtimes(kubectl: Kubectl, wish: ClusterWish) -> Iterator[tuple[str, ClusterAnswer]]:
    for stage in wish.stages:
        namespace = f"/apis/serving.kserve.io/v1alpha1/namespaces/{namespace_of(stage)}"
        yield stage, kubectl.get(f"{namespace}/servingruntimes/goldenpath")


def _server_image(runtime: ClusterAnswer) -> str:
    containers = entries(members(runtime.value.get("spec")).get("containers"))
    return str(containers[0].get("image", "")) if containers else ""


def _namespace(kubectl: Kubectl, wish: ClusterWish) -> str:
    """Return a namespace to try objects in: that of a stage if there is one."""
    for stage in wish.stages:
        if kubectl.get(f"/api/v1/namespaces/{namespace_of(stage)}").state == "found":
            return namespace_of(stage)
    return "default"


def _name() -> str:
    # As services are called: after the repository of their model.
    return f"doctor-{secrets.token_hex(4)}"


def _pod(namespace: str, image: str, reference: str) -> dict[str, JsonValue]:
    """Return a pod that the strictest standard of pod security admits, with an image volume."""
    secure: JsonValue = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    mount: JsonValue = {"name": "model", "mountPath": "/mnt/models", "subPath": "models"}
    resources: JsonValue = {"cpu": "10m", "memory": "16Mi"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _name(), "namespace": namespace},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [
                {
                    "name": "server",
                    "image": image,
                    "resources": {"requests": resources, "limits": resources},
                    "securityContext": secure,
                    "volumeMounts": [mount],
                }
            ],
            "volumes": [
                {"name": "model", "image": {"reference": reference, "pullPolicy": "IfNotPresent"}}
            ],
        },
    }


def _service(namespace: str, wish: ClusterWish) -> dict[str, JsonValue]:
    """Return a service as the gitops repository has them."""
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": _name(),
            "namespace": namespace,
            "annotations": {
                "serving.kserve.io/autoscalerClass": "none",
                "serving.kserve.io/deploymentMode": "Standard",
            },
        },
        "spec": {
            "predictor": {
                "minReplicas": 1,
                "model": {
                    "runtime": "goldenpath",
                    "modelFormat": {"name": "onnx", "version": "1"},
                    "protocolVersion": "v2",
                    "storageUri": f"oci+native://{wish.registry_prefix}/doctor@{_NO_DIGEST}",
                },
            }
        },
    }
