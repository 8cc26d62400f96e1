"""Nodes that run nothing: their pods are Ready at once, so that a thousand services fit."""

from pathlib import Path

from cluster.addresses import HOST, answers, free_port
from cluster.control_plane import ControlPlane
from cluster.daemons import Daemons
from cluster.go_build import module_folder
from cluster.objects import KubernetesObject, apply
from cluster.parts import program
from goldenpath.canonical import JsonValue

NODE = "simulated"
_MARK = "kwok.x-k8s.io/node"
_STAGES = ("node/fast/node-initialize", "node/heartbeat/node-heartbeat", "pod/fast/pod-ready",
           "pod/fast/pod-complete", "pod/fast/pod-delete")  # fmt: skip


def start_kwok(daemons: Daemons, plane: ControlPlane, folder: Path) -> None:
    """Add one node of that kind. The pods of other nodes are not touched."""
    source = module_folder(program("kwok")) / "kustomize" / "stage"
    stages = [(source / f"{name}.yaml").read_text("utf-8") for name in _STAGES]
    configuration = folder / "kwok.yaml"
    configuration.write_text("---\n".join(stages), "utf-8")
    port = free_port()
    command = [
        *(str(plane.programs / "kwok"), f"--kubeconfig={plane.kubeconfig}"),
        *(f"--config={configuration}", f"--server-address={HOST}:{port}"),
        *("--manage-all-nodes=false", f"--manage-nodes-with-annotation-selector={_MARK}=fake"),
    ]
    daemons.start("kwok", command, lambda: answers(port))
    apply(plane, [_node()])
    plane.kubectl("wait", "--for=condition=Ready", f"node/{NODE}", "--timeout=60s")


def _node() -> KubernetesObject:
    room: dict[str, JsonValue] = {"cpu": "1000", "memory": "4Ti", "pods": "4000"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": NODE,
            "annotations": {_MARK: "fake"},
            "labels": {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux"},
        },
        "spec": {},
        "status": {"allocatable": room, "capacity": room},
    }
