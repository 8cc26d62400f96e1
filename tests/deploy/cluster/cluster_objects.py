"""The objects that a cluster has once Argo CD applied a deployment and KServe served it."""

from datetime import UTC, datetime
from typing import Any

import yaml

from goldenpath.digest import Digest
from goldenpath.promote.manifests.deployment_files import RELEASE_FILE, render_deployment
from goldenpath.promote.manifests.desired import Deployment
from goldenpath.promote.manifests.object_names import namespace_of, service_name
from goldenpath.promote.platform.platform import Platform
from tests.deploy.cluster.fake_api_server import FakeApiServer

Json = dict[str, Any]
SYSTEM = "/api/v1/namespaces/goldenpath"
RECORD = "/api/v1/namespaces/goldenpath/configmaps/goldenpath-reconcile"
KINDS = {
    "InferenceService": "/apis/serving.kserve.io/v1beta1/namespaces/{}/inferenceservices",
    "HTTPRoute": "/apis/gateway.networking.k8s.io/v1/namespaces/{}/httproutes",
    "Pod": "/api/v1/namespaces/{}/pods",
}


def pod(
    deployment: Deployment,
    digest: Digest,
    number: int = 1,
    *,
    ready: bool = True,
    since: datetime = datetime(2026, 11, 30, 6, tzinfo=UTC),
) -> Json:
    """A pod of a release, as KServe makes it with an image volume."""
    service = service_name(deployment.model, digest)
    reference = f"registry.example/models/{deployment.model}@{digest}"
    return {
        "kind": "Pod",
        "metadata": {
            "name": f"{service}-predictor-{number}",
            "namespace": namespace_of(deployment.stage),
            "labels": {"serving.kserve.io/inferenceservice": service},
            "ownerReferences": [{"kind": "ReplicaSet", "controller": True, "name": service}],
        },
        "spec": {"volumes": [{"name": "model", "image": {"reference": reference}}]},
        "status": {
            "conditions": [
                {
                    "type": "Ready",
                    "status": str(ready),
                    "lastTransitionTime": since.isoformat().replace("+00:00", "Z"),
                }
            ]
        },
    }


def begin(server: FakeApiServer, stages: tuple[str, ...], identity: str = "one") -> None:
    """An empty cluster with the namespaces of the stages."""
    server.objects[SYSTEM] = {"metadata": {"name": "goldenpath", "uid": identity}}
    server.objects[RECORD] = {"metadata": {"name": "goldenpath-reconcile"}}
    for stage in stages:
        for path in KINDS.values():
            server.lists[path.format(namespace_of(stage))] = []


def put(server: FakeApiServer, item: Json, stage: str) -> None:
    """Add an object, or take the place of the one of that name."""
    items = server.lists[KINDS[item["kind"]].format(namespace_of(stage))]
    name = item["metadata"]["name"]
    items[:] = [each for each in items if each["metadata"]["name"] != name] + [item]


def remove(server: FakeApiServer, kind: str, name: str, stage: str) -> None:
    """Take an object away."""
    items = server.lists[KINDS[kind].format(namespace_of(stage))]
    items[:] = [each for each in items if each["metadata"]["name"] != name]


def serve(server: FakeApiServer, deployment: Deployment, platform: Platform) -> None:
    """Apply the files of a deployment, and let each release have one pod that is Ready."""
    for path, content in render_deployment(deployment, platform).items():
        if path.endswith(RELEASE_FILE):
            continue
        item = yaml.safe_load(content)
        if item["kind"] == "InferenceService":
            item["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}
        put(server, item, deployment.stage)
    for slot in deployment.releases:
        put(server, pod(deployment, slot.digest), deployment.stage)
