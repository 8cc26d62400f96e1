"""Kyverno: its definitions and configuration, and its admission controller outside the cluster."""

from pathlib import Path

from cluster.addresses import HOST, answers, free_port
from cluster.control_plane import ControlPlane
from cluster.daemons import Daemons
from cluster.go_build import module_folder
from cluster.objects import (
    KubernetesObject,
    apply,
    apply_definitions,
    create_namespace,
    read_objects,
    yaml_files,
)
from cluster.parts import program
from cluster.registry import Registry

NAMESPACE = "kyverno"
NAME = "kyverno"
_DEFINITIONS = ("kyverno", "policies.kyverno.io", "policyreport", "reports")
_LABELS = {"app.kubernetes.io/name": NAME}


def start_kyverno(daemons: Daemons, plane: ControlPlane, registry: Registry) -> None:
    """Install it and start its controller; ready means that its webhook answers."""
    source = module_folder(program(NAME))
    folders = [source / "config/crds" / name for name in _DEFINITIONS]
    files = [file for folder in folders for file in yaml_files(folder)]
    apply_definitions(plane, read_objects(*files))
    create_namespace(plane, NAMESPACE)
    apply(plane, _objects())
    port = free_port()
    command = [
        str(plane.programs / NAME),
        f"--kubeconfig={plane.kubeconfig}",
        f"--serverIP={HOST}:{port}",
        f"--webhookServerHost={HOST}",
        f"--webhookServerPort={port}",
        "--caSecretName=kyverno-ca",
        "--tlsSecretName=kyverno-tls",
        "--enableTuf=false",
        "--crdWatcher=false",
        "--disableMetrics=true",
        "--controllerRuntimeMetricsAddress=0",
        "--admissionReports=false",
    ]
    daemons.start(NAME, command, lambda: answers(port), _environment(registry.authority))


def _environment(authority: Path) -> dict[str, str]:
    return {
        "KYVERNO_NAMESPACE": NAMESPACE,
        "KYVERNO_SVC": "kyverno-svc",
        "KYVERNO_DEPLOYMENT": NAME,
        "KYVERNO_SERVICEACCOUNT_NAME": NAME,
        "KYVERNO_ROLE_NAME": NAME,
        "KYVERNO_POD_NAME": NAME,
        "INIT_CONFIG": NAME,
        "METRICS_CONFIG": "kyverno-metrics",
        # The registry of the cluster is known by a certificate of its own.
        "SSL_CERT_FILE": str(authority),
    }


def _objects() -> list[KubernetesObject]:
    """Return what it looks for beside its definitions. The deployment runs nothing."""
    pod: KubernetesObject = {
        "metadata": {"labels": dict(_LABELS)},
        "spec": {"containers": [{"name": NAME, "image": "outside.invalid/kyverno"}]},
    }
    return [
        _settings(NAME),
        _settings("kyverno-metrics"),
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": dict(_LABELS)},
            "spec": {"replicas": 0, "selector": {"matchLabels": dict(_LABELS)}, "template": pod},
        },
    ]


def _settings(name: str) -> KubernetesObject:
    metadata: KubernetesObject = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {}}
