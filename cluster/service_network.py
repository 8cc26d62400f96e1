"""kube-proxy and CoreDNS: addresses and names of services, for pods that ask each other."""

import os
from pathlib import Path

from cluster.addresses import HOST, answers, free_port
from cluster.control_plane import ControlPlane
from cluster.daemons import Daemons
from cluster.node import NODE, Node
from goldenpath.processes.tool import run_tool

PROXY, NAMES = "kube-proxy", "coredns"
_TABLE = "kube-proxy"
"""The table of its rules; nothing else of this machine's rules is touched."""


def start_service_network(daemons: Daemons, plane: ControlPlane, node: Node) -> None:
    """Start both. Needs root."""
    health = free_port()
    command = [
        str(plane.programs / PROXY),
        *("--proxy-mode=nftables", f"--kubeconfig={plane.kubeconfig}"),
        # Two pods share the bridge: without it an answer would not come back by the way it went.
        *("--masquerade-all", f"--hostname-override={NODE}"),
        *("--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0"),
        "--conntrack-tcp-timeout-close-wait=0",
        f"--healthz-bind-address={HOST}:{health}",
        f"--metrics-bind-address={HOST}:{free_port()}",
    ]
    daemons.start(PROXY, command, lambda: answers(health), _tools(node))
    names = node.folder / "Corefile"
    names.write_text(
        f".:53 {{\n  bind {node.address}\n  errors\n"
        f"  kubernetes cluster.local {{\n    kubeconfig {plane.kubeconfig}\n  }}\n}}\n",
        "utf-8",
    )
    command = [str(plane.programs / NAMES), "-conf", str(names)]
    daemons.start(NAMES, command, lambda: answers(53, node.address))


def remove_rules(node: Node) -> None:
    """Remove the rules of an ended kube-proxy."""
    for family in ("ip", "ip6"):
        program = str(node.suites["own-network"] / "usr/sbin/nft")
        environment = {**os.environ, **_tools(node)}
        # It ends with an error where no rule was made.
        run_tool([program, "delete", "table", family, _TABLE], environment=environment)


def _tools(node: Node) -> dict[str, str]:
    """Return variables by which kube-proxy finds `nft`, which is unpacked and not installed."""
    unpacked = node.suites["own-network"]
    libraries = [*sorted(Path(unpacked / "usr/lib").glob("*-linux-gnu"))]
    libraries += sorted(Path(unpacked / "lib").glob("*-linux-gnu"))
    return {
        "PATH": f"{unpacked / 'usr/sbin'}{os.pathsep}{os.environ['PATH']}",
        "LD_LIBRARY_PATH": os.pathsep.join(map(str, libraries)),
    }
