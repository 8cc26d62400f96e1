"""A stage in the cluster: services and routes as promotions write them, and what became of them."""

import time
from dataclasses import dataclass

from cluster.control_plane import KubectlFailed
from cluster.objects import KubernetesObject
from cluster.stack import Stack
from cluster.walk.load import GatewayAddress
from cluster.walk.record import await_value
from cluster.walk.road import MODEL, ClusterRoad
from goldenpath.canonical import JsonValue

DOMAIN = "models.internal"


@dataclass(frozen=True, slots=True)
class WalkImages:
    """Our own images in the registry of the cluster, by digest."""

    server: str
    initializer: str
    jobs: str


@dataclass(frozen=True, slots=True)
class Scene:
    """A running cluster, the road that leads to it, and our images in it."""

    stack: Stack
    road: ClusterRoad
    images: WalkImages

    def kubectl(self, *arguments: str, seconds: float = 120.0) -> str:
        """Return what kubectl prints."""
        return self.stack.plane.kubectl(*arguments, seconds=seconds)

    def address(self, stage: str) -> GatewayAddress:
        """Return where the Gateway takes requests for our model in a stage."""
        return GatewayAddress(self.stack.gateway.port, f"{MODEL}.{stage}.{DOMAIN}", MODEL)


def namespace_of(stage: str) -> str:
    """Return the namespace of a stage."""
    return f"models-{stage}"


def application_of(stage: str) -> str:
    """Return the name of the Application of our model in a stage."""
    return f"{stage}-{MODEL}"


def service_name(digest: str) -> str:
    """Return the name of the InferenceService of a release."""
    return f"{MODEL}-{digest.removeprefix('sha256:')[:8]}"


def service(scene: Scene, digest: str, stage: str, scheme: str = "oci+native") -> KubernetesObject:
    """Return the InferenceService of one release."""
    model: dict[str, JsonValue] = {
        "runtime": "goldenpath",
        "modelFormat": {"name": "onnx", "version": "1"},
        "protocolVersion": "v2",
        "storageUri": f"{scheme}://{scene.road.prefix}/{MODEL}@{digest}",
    }
    predictor: dict[str, JsonValue] = {"minReplicas": 1, "model": model}
    if scheme == "goldenpath+oci":
        predictor["storageContainerName"] = "goldenpath-verified"
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": service_name(digest),
            "namespace": namespace_of(stage),
            "annotations": {
                "serving.kserve.io/autoscalerClass": "none",
                "serving.kserve.io/deploymentMode": "Standard",
            },
        },
        "spec": {"predictor": predictor},
    }


def route(stage: str, weights: dict[str, int]) -> KubernetesObject:
    """Return the HTTPRoute of our model with the weight of each release."""
    backends: list[JsonValue] = [
        {"name": f"{service_name(digest)}-predictor", "port": 80, "weight": weight}
        for digest, weight in weights.items()
    ]
    matches: list[JsonValue] = [{"path": {"type": "PathPrefix", "value": "/"}}]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": f"{MODEL}-route", "namespace": namespace_of(stage)},
        "spec": {
            "parentRefs": [{"namespace": "goldenpath", "name": "models"}],
            "hostnames": [f"{MODEL}.{stage}.{DOMAIN}"],
            "rules": [{"matches": matches, "backendRefs": backends}],
        },
    }


def await_ready(scene: Scene, digest: str, stage: str, seconds: float = 120.0) -> float:
    """Wait until a release is Ready and return how long it took. Raises `WalkFailed` if not."""
    began = time.monotonic()
    place = ("-n", namespace_of(stage), "get")
    shown = "jsonpath={.status.conditions[?(@.type=='Ready')].status} {.status.conditions}"

    def status() -> str:
        try:
            return scene.kubectl(*place, "inferenceservice", service_name(digest), "-o", shown)
        except KubectlFailed as error:
            return str(error)

    name = f"{service_name(digest)} in {stage}"
    await_value(status, lambda value: value.startswith("True"), seconds, f"{name} is Ready")
    return time.monotonic() - began


def application_state(scene: Scene, name: str) -> str:
    """Return sync, health and revision of an Application of Argo CD, and what it says."""
    fields = ("sync.status", "health.status", "sync.revision", "operationState.message")
    shown = " ".join(f"{{.status.{field}}}" for field in (*fields, "conditions"))
    try:
        return scene.kubectl(
            *("-n", "argocd", "get", "application", name, "-o", f"jsonpath={shown}")
        )
    except KubectlFailed as error:
        return str(error)


def refresh(scene: Scene, application: str) -> None:
    """Let Argo CD look at git now and not in its next round."""
    scene.kubectl(
        *("-n", "argocd", "annotate", "application", application, "--overwrite"),
        "argocd.argoproj.io/refresh=hard",
    )
