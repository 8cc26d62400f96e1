"""containerd and kubelet: one real node that runs real pods, with a bridge of its own for them."""

import contextlib
import ipaddress
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from cluster.addresses import HOST, answers, free_port, free_subnet
from cluster.control_plane import ControlPlane
from cluster.daemons import Daemons
from cluster.machine_state import mount_points
from cluster.registry import Registry
from goldenpath.processes.tool import run_tool

BRIDGE = "gpwalk0"
NODE = "localhost"
"""This machine resolves the name to loopback, where the kubelet listens for logs and commands."""
NAMESPACE = "k8s.io"


@dataclass(frozen=True, slots=True)
class Node:
    """A node, or what is left of one."""

    folder: Path
    suites: dict[str, Path]
    address: str
    """The machine's address on the bridge of the pods."""

    @property
    def socket(self) -> Path:
        """containerd's socket."""
        return self.folder / "containerd.sock"

    def import_image(self, archive: Path) -> None:
        """Take over an image from an OCI layout in a tar, under the name that stands in it."""
        self.ctr("images", "import", "--local", str(archive))

    def ctr(self, *arguments: str) -> str:
        """Return the output of containerd's own client. Raises `NodeFailed`."""
        command = [str(self.suites["forky"] / "usr/bin/ctr"), "-a", str(self.socket)]
        run = run_tool([*command, "-n", NAMESPACE, *arguments], seconds=300)
        if run.exit_code:
            raise NodeFailed(f"ctr {' '.join(arguments[:2])}: {run.complaint}")
        return run.text

    def volumes(self, name: str) -> list[Path]:
        """Return the folders behind the volumes of that name that live as long as their pods."""
        return sorted(self.folder.glob(f"kubelet/pods/*/volumes/kubernetes.io~empty-dir/{name}"))

    def remove_containers(self, seconds: float = 30.0) -> None:
        """Wait until the kubelet removed its pods, and end what is left then."""
        give_up = time.monotonic() + seconds
        while (
            names := self.ctr("containers", "list", "-q").split()
        ) and time.monotonic() < give_up:
            time.sleep(0.5)
        for name in names:
            with contextlib.suppress(NodeFailed):  # It may have ended by itself.
                self.ctr("tasks", "delete", "-f", name)

    def remove(self) -> None:
        """Undo mounts and network of an ended node, and remove its files."""
        for place in reversed([*mount_points()]):
            is_namespace = place.startswith("/run/netns/cni-")
            if Path(place).is_relative_to(self.folder) or is_namespace:
                run_tool(["umount", "--lazy", place])
                if is_namespace:
                    Path(place).unlink(missing_ok=True)
        run_tool(["ip", "link", "delete", BRIDGE])
        if not any(Path(place).is_relative_to(self.folder) for place in mount_points()):
            # Never while something is mounted below: its files would be deleted as well.
            shutil.rmtree(self.folder, ignore_errors=True)


class NodeFailed(Exception):
    """containerd refused; the message says what it said."""


def prepare_node(folder: Path, suites: dict[str, Path]) -> Node:
    """Make the bridge of the pods, so that a registry can listen on it before the node starts."""
    subnet = free_subnet()
    node = Node(folder, suites, str(subnet[1]))
    folder.mkdir(parents=True, exist_ok=True)
    _write_network(folder, subnet)
    for command in (
        ["ip", "link", "add", BRIDGE, "type", "bridge"],
        ["ip", "address", "add", f"{node.address}/{subnet.prefixlen}", "dev", BRIDGE],
        ["ip", "link", "set", BRIDGE, "up"],
    ):
        run = run_tool(command)
        if run.exit_code:
            raise NodeFailed(f"{' '.join(command)}: {run.complaint}")
    return node


def trust_registry(node: Node, registry: Registry) -> None:
    """Let containerd reach the registry by TLS; it reads the folder at each pull."""
    folder = node.folder / "registries" / registry.host
    folder.mkdir(parents=True, exist_ok=True)
    address = f"https://{registry.host}"
    (folder / "hosts.toml").write_text(
        f'server = "{address}"\n[host."{address}"]\ncapabilities = ["pull", "resolve"]\n'
        f'ca = "{registry.authority}"\n',
        "utf-8",
    )


def start_node(daemons: Daemons, plane: ControlPlane, node: Node, *, sandbox: str) -> None:
    """Start containerd and kubelet; ready means that the node says so. Needs root."""
    folder, suites = node.folder, node.suites
    (folder / "containerd.toml").write_text(_containerd(node, sandbox), "utf-8")
    daemons.start(
        "containerd",
        [str(suites["forky"] / "usr/bin/containerd"), "--config", str(folder / "containerd.toml")],
        lambda: _accepts(node),
        {"PATH": f"{suites['forky'] / 'usr/bin'}:/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    kubelet = free_port()
    (folder / "kubelet.yaml").write_text(_kubelet(node, kubelet), "utf-8")
    daemons.start(
        "kubelet",
        [
            str(plane.programs / "kubelet"),
            f"--config={folder / 'kubelet.yaml'}",
            f"--kubeconfig={plane.kubeconfig}",
            f"--root-dir={folder / 'kubelet'}",
            f"--cert-dir={folder / 'kubelet-certificates'}",
            f"--hostname-override={NODE}",
        ],
        lambda: answers(kubelet),
    )
    plane.kubectl("wait", "--for=create", f"node/{NODE}", "--timeout=60s")
    plane.kubectl("wait", "--for=condition=Ready", f"node/{NODE}", "--timeout=90s")


def _accepts(node: Node) -> bool:
    command = [str(node.suites["forky"] / "usr/bin/ctr"), "-a", str(node.socket), "version"]
    return node.socket.exists() and run_tool(command).exit_code == 0


def _write_network(folder: Path, subnet: ipaddress.IPv4Network) -> None:
    """A bridge with addresses from a free subnet; pods reach this machine and each other."""
    network = {
        "cniVersion": "1.0.0",
        "name": "walk",
        "plugins": [
            {
                "type": "bridge",
                "bridge": BRIDGE,
                "isGateway": True,
                "ipMasq": False,
                "ipam": {
                    "type": "host-local",
                    "dataDir": str(folder / "addresses"),
                    "ranges": [[{"subnet": str(subnet)}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            }
        ],
    }
    target = folder / "cni"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    (target / "10-walk.conflist").write_text(json.dumps(network), "utf-8")


def _containerd(node: Node, sandbox: str) -> str:
    plugins = node.suites["forky"] / "usr/lib/cni"
    runc = node.suites["own"] / "usr/sbin/runc"
    return f"""version = 3
root = "{node.folder / "containerd"}"
state = "{node.folder / "containerd-state"}"
[grpc]
address = "{node.socket}"
[plugins.'io.containerd.internal.v1.opt']
path = "{node.folder / "opt"}"
[plugins.'io.containerd.cri.v1.images'.registry]
config_path = "{node.folder / "registries"}"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "{sandbox}"
[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
disable_apparmor = true
[plugins.'io.containerd.cri.v1.runtime'.containerd]
default_runtime_name = "runc"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
BinaryName = "{runc}"
SystemdCgroup = false
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ["{plugins}"]
conf_dir = "{node.folder / "cni"}"
"""


def _kubelet(node: Node, port: int) -> str:
    return f"""apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: {HOST}
port: {port}
healthzBindAddress: {HOST}
healthzPort: 0
authentication: {{anonymous: {{enabled: true}}, webhook: {{enabled: false}}}}
authorization: {{mode: AlwaysAllow}}
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
localStorageCapacityIsolation: false
enforceNodeAllocatable: []
evictionHard: {{}}
makeIPTablesUtilChains: false
imageGCHighThresholdPercent: 100
containerRuntimeEndpoint: unix://{node.socket}
imageServiceEndpoint: unix://{node.socket}
clusterDomain: cluster.local
clusterDNS: [{node.address}]
podLogsDir: {node.folder / "pod-logs"}
volumePluginDir: {node.folder / "volume-plugins"}
"""
