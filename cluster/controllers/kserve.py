"""KServe: its definitions, configuration, webhooks, and its manager outside the cluster."""

import base64
import datetime
import json
from pathlib import Path

from cluster.addresses import HOST, answers, free_port
from cluster.certificates import ServerCertificate, server_certificate
from cluster.control_plane import GARBAGE, ControlPlane
from cluster.daemons import Daemons
from cluster.go_build import module_folder
from cluster.objects import (
    KubernetesObject,
    apply,
    apply_definitions,
    create_namespace,
    members,
    read_objects,
    yaml_files,
)
from cluster.parts import program
from goldenpath.canonical import JsonValue

NAMESPACE = "kserve"
_DEFINITIONS = (
    "serving.kserve.io_inferenceservices.yaml",
    "serving.kserve.io_trainedmodels.yaml",
    "serving.kserve.io_clusterservingruntimes.yaml",
    "serving.kserve.io_servingruntimes.yaml",
    "serving.kserve.io_inferencegraphs.yaml",
    "clusterstoragecontainer",
)
"""What its own kustomization lists; language models have a controller of their own."""
_WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")


def start_kserve(
    daemons: Daemons, plane: ControlPlane, folder: Path, *, gateway: str, now: datetime.datetime
) -> None:
    """Install it and start its manager. `gateway` is the namespace and name of a Gateway."""
    source = module_folder(program("kserve-manager"))
    create_namespace(plane, NAMESPACE)
    apply_definitions(plane, read_objects(*_definitions(source / "config/crd/full")))
    apply(plane, _configuration(source, gateway))
    # The manager listens on every interface and has no flag against it; its port is a random one.
    port, health = free_port(), free_port()
    certificate = server_certificate(HOST, now)
    # controller-runtime looks here, below the temporary folder.
    certificate.write(folder / "kserve" / "k8s-webhook-server" / "serving-certs")
    environment = {
        "KUBECONFIG": str(plane.kubeconfig),
        "POD_NAMESPACE": NAMESPACE,
        "TMPDIR": str(folder / "kserve"),
        "GOGC": GARBAGE,
    }
    command = [
        str(plane.programs / "kserve-manager"),
        f"--webhook-port={port}",
        f"--metrics-addr={HOST}:{free_port()}",
        f"--health-probe-addr={HOST}:{health}",
    ]
    daemons.start("kserve-manager", command, lambda: answers(port) and answers(health), environment)
    apply(plane, _webhooks(source, port, certificate))


def _definitions(folder: Path) -> list[Path]:
    files: list[Path] = []
    for name in _DEFINITIONS:
        files.extend(yaml_files(folder / name) if (folder / name).is_dir() else [folder / name])
    return files


def _configuration(source: Path, gateway: str) -> list[KubernetesObject]:
    return [
        {**item, "data": _settings(members(item.get("data")), gateway)}
        for item in read_objects(source / "config/configmap/inferenceservice.yaml")
    ]


def _settings(data: dict[str, JsonValue] | object, gateway: str) -> dict[str, JsonValue]:
    changes: dict[str, dict[str, JsonValue]] = {
        "ingress": {
            "enableGatewayApi": True,
            "disableIstioVirtualHost": True,
            # With its own routes a service is Ready only when the gateway knows it.
            "disableIngressCreation": False,
            "kserveIngressGateway": gateway,
            "ingressGateway": gateway,
        },
        "deploy": {"defaultDeploymentMode": "Standard"},
        "storageInitializer": {"enableOciModelSupport": True},
    }
    settings = dict(data) if isinstance(data, dict) else {}
    for key, change in changes.items():
        settings[key] = json.dumps(json.loads(str(settings[key])) | change)
    return settings


def _webhooks(source: Path, port: int, certificate: ServerCertificate) -> list[KubernetesObject]:
    authority = base64.b64encode(certificate.certificate).decode("ascii")
    return [
        {
            "apiVersion": item["apiVersion"],
            "kind": item["kind"],
            "metadata": {"name": members(item.get("metadata"))["name"]},
            "webhooks": [
                _outside(members(hook), port, authority) for hook in _listed(item.get("webhooks"))
            ],
        }
        for item in read_objects(source / "config/webhook/manifests.yaml")
        if item.get("kind") in _WEBHOOKS
    ]


def _outside(hook: object, port: int, authority: str) -> KubernetesObject:
    """Return a webhook that the API server calls at this machine instead of a service."""
    values = dict(hook) if isinstance(hook, dict) else {}
    path = members(members(values["clientConfig"]).get("service"))["path"]
    url = f"https://{HOST}:{port}{path}"
    return {**values, "clientConfig": {"url": url, "caBundle": authority}}


def _listed(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []
