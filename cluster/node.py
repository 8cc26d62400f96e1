"""containerd and kubelet: one real node that runs real pods, with a bridge of its own for them."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from cluster.addresses import HOST, answers, free_port, free_subnet
from cluster.control_plane import ControlPlane
from cluster.daemons import Daemons
from goldenpath.processes.tool import run_tool

BRIDGE = "gpwalk0"
NODE = "walk"
NAMESPACE = "k8s.io"


@dataclass(frozen=True, slots=True)
class Node:
    """A running node."""

    folder: Path
    suites: dict[str, Path]

    @property
    def socket(self) -> Path:
        """containerd's socket."""
        return self.folder / "containerd.sock"

    def import_image(self, archive: Path, name: str) -> None:
        """Make an OCI layout in a tar known under its full name."""
        self._ctr("images", "import", "--local", "--index-name", name, str(archive))

    def _ctr(self, *arguments: str) -> str:
        command = [str(self.suites["forky"] / "usr/bin/ctr"), "-a", str(self.socket)]
        run = run_tool([*command, "-n", NAMESPACE, *arguments], seconds=300)
        if run.exit_code:
            raise RuntimeError(f"ctr {' '.join(arguments[:2])}: {run.complaint}")
        return run.text

    def unmount(self) -> None:
        """Undo the mounts below the node's folder; the kubelet leaves one on its own folder."""
        for line in reversed(Path("/proc/self/mounts").read_text("utf-8").splitlines()):
            place = line.split(" ")[1]
            if Path(place).is_relative_to(self.folder):
                run_tool(["umount", "--lazy", place])

    def remove_containers(self) -> None:
        """End every pod that is left and take the bridge away."""
        for container in self._ctr("containers", "list", "-q").split():
            run_tool(
                [str(self.suites["forky"] / "usr/bin/ctr"), "-a", str(self.socket), "-n", NAMESPACE,
                 "tasks", "delete", "-f", container]
            )
        run_tool(["ip", "link", "delete", BRIDGE])


def start_node(
    daemons: Daemons, plane: ControlPlane, folder: Path, *, suites: dict[str, Path], sandbox: str
) -> Node:
    """Start containerd and kubelet; ready means that the node says so. Needs root."""
    node = Node(folder, suites)
    folder.mkdir(parents=True, exist_ok=True)
    _write_network(folder)
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
    return node


def _accepts(node: Node) -> bool:
    command = [str(node.suites["forky"] / "usr/bin/ctr"), "-a", str(node.socket), "version"]
    return node.socket.exists() and run_tool(command).exit_code == 0


def _write_network(folder: Path) -> None:
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
                    "ranges": [[{"subnet": str(free_subnet())}]],
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
[plugins.'io.containerd.cri.v1.images']
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
imageGCHighThresholdPercent: 100
containerRuntimeEndpoint: unix://{node.socket}
imageServiceEndpoint: unix://{node.socket}
clusterDomain: cluster.local
podLogsDir: {node.folder / "pod-logs"}
volumePluginDir: {node.folder / "volume-plugins"}
"""
