"""What a stage's namespace holds: our runtime, its trust, and services written as git has them."""

import string
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from cluster.control_plane import KubectlFailed
from cluster.objects import KubernetesObject, apply
from cluster.stack import Stack
from cluster.walk.load import GatewayAddress
from cluster.walk.record import await_value
from cluster.walk.road import MODEL, ClusterRoad
from goldenpath.canonical import JsonValue

_MANIFESTS = Path(__file__).parent / "manifests"
DOMAIN = "models.internal"


@dataclass(frozen=True, slots=True)
class WalkImages:
    """Our own images in the registry of the cluster, by digest."""

    server: str
    initializer: str


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


def prepare_stage(scene: Scene, stage: str) -> None:
    """Make the namespace of a stage, with our runtime and what it trusts."""
    values = {
        "NAMESPACE": namespace_of(stage),
        "STAGE": stage,
        "POLICY": _quoted(scene.road.run("platform policy")),
        "AUTHORITY": _quoted(scene.stack.registry.authority.read_text("utf-8")),
        "SERVER_IMAGE": scene.images.server,
        "INITIALIZER_IMAGE": scene.images.initializer,
    }
    for name in ("stage.yaml", "storage-container.yaml"):
        text = string.Template((_MANIFESTS / name).read_text("utf-8")).substitute(values)
        apply(scene.stack.plane, list(yaml.safe_load_all(text)))


def _quoted(text: str) -> str:
    quoted: str = yaml.safe_dump(text, default_style='"', width=1_000_000)
    return quoted.strip()


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
