"""Contour and Envoy: a Gateway of the Gateway API whose data plane runs on this machine."""

import re
from dataclasses import dataclass
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
from goldenpath.processes.tool import run_tool

NAMESPACE, NAME = "goldenpath", "models"
GATEWAY = f"{NAMESPACE}/{NAME}"
"""The Gateway that `platform.toml` names by default."""
_ABOVE = 8000
"""Envoy listens at the Gateway's port plus this number."""
_CLASS: KubernetesObject = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "GatewayClass",
    "metadata": {"name": "contour"},
    "spec": {"controllerName": "projectcontour.io/gateway-controller"},
}
"""The Gateway itself is the platform's."""


@dataclass(frozen=True, slots=True)
class RunningGateway:
    """Envoy behind the Gateway."""

    port: int
    """The port of loopback at which it takes requests."""
    listener: int
    """The port that the Gateway has to name for it."""
    admin: Path
    """Its administration socket."""


def start_gateway(
    daemons: Daemons, plane: ControlPlane, folder: Path, *, envoy: Path
) -> RunningGateway:
    """Install the Gateway API, and start Contour and Envoy for the platform's Gateway."""
    source = module_folder(program("contour"))
    version = required_version(source / "go.mod", "sigs.k8s.io/gateway-api")
    api = module_folder(("sigs.k8s.io/gateway-api", version))
    definitions = [*yaml_files(api / "config/crd/experimental")]
    definitions.append(source / "examples/contour/01-crds.yaml")
    apply_definitions(plane, read_objects(*definitions))
    for namespace in ("projectcontour", NAMESPACE):
        create_namespace(plane, namespace)
    port = _port_for_envoy()
    apply(plane, [_CLASS])
    xds = free_port()
    daemons.start("contour", _contour(plane, folder, xds), lambda: answers(xds))
    gateway = RunningGateway(port, port - _ABOVE, folder / "envoy.sock")
    bootstrap = folder / "envoy.json"
    run = run_tool(
        [
            *(str(plane.programs / "contour"), "bootstrap", str(bootstrap)),
            *(f"--xds-address={HOST}", f"--xds-port={xds}", f"--admin-address={gateway.admin}"),
        ]
    )
    if run.exit_code:
        raise RuntimeError(f"contour bootstrap: {run.complaint}")
    names = ("--service-cluster", NAME, "--service-node", NAME)
    command = [str(envoy), "-c", str(bootstrap), *names, "--concurrency", "1"]
    # Two Envoys of one machine share memory unless they say that they do not.
    daemons.start("envoy", [*command, "--use-dynamic-base-id"], gateway.admin.exists)
    return gateway


def _contour(plane: ControlPlane, folder: Path, xds: int) -> list[str]:
    configuration = folder / "contour.yaml"
    configuration.write_text(
        f"gateway:\n  gatewayRef: {{namespace: {NAMESPACE}, name: {NAME}}}\n", "utf-8"
    )
    return [
        *(str(plane.programs / "contour"), "serve", f"--kubeconfig={plane.kubeconfig}"),
        *("--insecure", f"--xds-address={HOST}", f"--xds-port={xds}"),
        *("--disable-leader-election", f"--config-path={configuration}"),
        *(f"--http-address={HOST}", f"--http-port={free_port()}"),
        *(f"--health-address={HOST}", f"--health-port={free_port()}"),
        *(f"--debug-http-address={HOST}", f"--debug-http-port={free_port()}"),
        *(f"--stats-address={HOST}", f"--stats-port={free_port()}"),
        *(f"--envoy-service-http-address={HOST}", f"--envoy-service-https-address={HOST}"),
        f"--ingress-status-address={HOST}",
    ]


def _port_for_envoy() -> int:
    port = free_port()
    while port <= _ABOVE + 1023:
        port = free_port()
    return port


def required_version(go_mod: Path, module: str) -> str:
    """Return the version of a module that a go.mod requires."""
    line = re.search(rf"^\s*{re.escape(module)} (\S+)", go_mod.read_text("utf-8"), re.MULTILINE)
    if line is None:
        raise RuntimeError(f"{go_mod} does not require {module}")
    return line.group(1)
