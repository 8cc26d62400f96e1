"""The whole cluster: everything started in order, and nothing left behind at the end."""

import datetime
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster.applications import start_argocd, start_gateway, start_kserve, start_registry
from cluster.control_plane import ControlPlane, start_control_plane
from cluster.daemons import Daemons
from cluster.node import Node, start_node
from cluster.sandbox_image import NAME, write_sandbox_image


@dataclass(frozen=True, slots=True)
class Stack:
    """A running cluster."""

    plane: ControlPlane
    node: Node
    daemons: Daemons
    registry: int
    gateway: int


@contextmanager
def running_stack(
    cache: Path, folder: Path, now: datetime.datetime, tell: Callable[[str], None]
) -> Iterator[Stack]:
    """Start all parts; end them and remove the bridge, whatever happens in between. Needs root."""
    suites = {suite: cache / "debian" / suite for suite in ("own", "forky")}
    envoy = cache / "envoy" / "envoy" / "_bin" / "envoy"
    daemons = Daemons(folder / "logs")
    node: Node | None = None
    try:
        tell("control plane")
        plane = start_control_plane(
            daemons, folder / "plane", programs=cache / "bin", debian=suites["own"]
        )
        registry = start_registry(daemons, folder, suites["own"])
        tell("node")
        node = start_node(daemons, plane, folder / "node", suites=suites, sandbox=NAME)
        archive = write_sandbox_image(
            suites["own"] / "bin/busybox", folder / "sandbox.tar"
        )
        node.import_image(archive, NAME)
        tell("gateway")
        gateway = start_gateway(daemons, plane, folder, envoy)
        tell("KServe")
        start_kserve(daemons, plane, folder, gateway="projectcontour/walk", now=now)
        tell("Argo CD")
        start_argocd(daemons, plane, folder, suites["own"])
        yield Stack(plane, node, daemons, registry, gateway)
    finally:
        if node is not None:
            node.remove_containers()
        daemons.end()
        if node is not None:
            node.unmount()
        shutil.rmtree(folder / "node", ignore_errors=True)
