"""The whole cluster: everything started in order, and nothing left behind at the end."""

import contextlib
import datetime
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster.control_plane import (
    ControlPlane,
    KubectlFailed,
    remove_memory,
    start_control_plane,
)
from cluster.controllers.argocd import start_argocd
from cluster.controllers.contour import GATEWAY, RunningGateway, start_gateway
from cluster.controllers.kserve import start_kserve
from cluster.controllers.prometheus import ScrapingPrometheus, start_prometheus
from cluster.daemons import Daemons
from cluster.git_server import GitServer, start_git_server
from cluster.machine_state import MachineState
from cluster.node import Node, NodeFailed, prepare_node, start_node, trust_registry
from cluster.object_store import RunningObjectStore, start_object_store
from cluster.parts import DEBIAN_SUITES, GOVERNED_SUITES
from cluster.registry import Registry, start_registry
from cluster.sandbox_image import NAME, write_sandbox_image
from cluster.service_network import remove_rules, start_service_network
from goldenpath.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Stack:
    """A running cluster."""

    plane: ControlPlane
    node: Node
    daemons: Daemons
    registry: Registry
    gateway: RunningGateway
    git_server: GitServer
    prometheus: ScrapingPrometheus
    object_store: RunningObjectStore


class LeftBehind(Exception):
    """The cluster ended and something of it stayed on the machine; the message names it."""


@contextmanager
def running_stack(
    cache: Path,
    folder: Path,
    clock: Callable[[], datetime.datetime],
    report: Callable[[str], None],
) -> Iterator[Stack]:
    """Start all parts, and take them away again whatever happens in between. Needs root.

    Raises `LeftBehind` if a part of it could not be taken away.
    """
    before = MachineState.read()
    names = (*DEBIAN_SUITES, *GOVERNED_SUITES)
    suites = {suite: cache / "debian" / suite for suite in names}
    daemons = Daemons(folder / "logs")
    node: Node | None = None
    plane: ControlPlane | None = None
    try:
        began = time.monotonic()
        plane = start_control_plane(
            daemons, folder / "plane", programs=cache / "bin", debian=suites["own"]
        )
        report(f"control plane answers after {time.monotonic() - began:.0f} s")
        node = prepare_node(folder / "node", suites)
        registry = start_registry(
            daemons, folder, debian=suites["own"], address=node.address, now=clock()
        )
        trust_registry(node, registry)
        start_node(daemons, plane, node, sandbox=NAME)
        node.import_image(
            write_sandbox_image(suites["own"] / "bin/busybox", folder / "sandbox.tar")
        )
        start_service_network(daemons, plane, node)
        report(f"node is Ready after {time.monotonic() - began:.0f} s")
        envoy = cache / "envoy" / "envoy" / "_bin" / "envoy"
        gateway = start_gateway(daemons, plane, folder, envoy=envoy)
        report(f"Contour and Envoy run after {time.monotonic() - began:.0f} s")
        start_kserve(daemons, plane, folder, gateway=GATEWAY, now=clock())
        report(f"KServe's webhook answers after {time.monotonic() - began:.0f} s")
        start_argocd(daemons, plane, folder, debian=suites["own"])
        report(f"Argo CD runs after {time.monotonic() - began:.0f} s")
        own, address = suites["own"], node.address
        git_server = start_git_server(daemons, folder, debian=own, address=address)
        prometheus = start_prometheus(daemons, folder, debian=own, address=address)
        store = start_object_store(daemons, cache / "moto", address=address)
        yield Stack(plane, node, daemons, registry, gateway, git_server, prometheus, store)
    finally:
        _take_down(daemons, plane, node)
        before.restore()
        remove_memory(folder / "plane")
        for name in ("node", "plane", "registry"):
            shutil.rmtree(folder / name, ignore_errors=True)
        left = before.left_behind(folder)
        report(f"left behind: {'; '.join(left) or 'nothing'}")
    if left:
        raise LeftBehind("; ".join(left))


def _take_down(daemons: Daemons, plane: ControlPlane | None, node: Node | None) -> None:
    """End pods by the kubelet, which unmounts and unplugs them, then every program."""
    for controller in (
        "argocd-application-controller",
        "kserve-manager",
        "kube-controller-manager",
    ):
        daemons.end_one(controller)
    if plane is not None and node is not None and node.socket.exists():
        command = ("delete", "pods", "--all", "--all-namespaces", "--grace-period=1")
        with contextlib.suppress(KubectlFailed, Unavailable):
            plane.kubectl(*command, "--timeout=60s", seconds=90)
        with contextlib.suppress(NodeFailed, Unavailable):
            node.remove_containers()
    daemons.end()
    if node is not None:
        remove_rules(node)
        node.remove()
