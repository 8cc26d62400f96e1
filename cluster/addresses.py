"""Ports on loopback, and a subnet for pods that no interface of this machine uses."""

import ipaddress
import json
import socket
from collections.abc import Iterable

from goldenpath.processes.tool import run_tool

HOST = "127.0.0.1"
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


def free_port() -> int:
    """A port of loopback that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int, host: str = HOST) -> bool:
    """Whether something accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def free_subnet() -> ipaddress.IPv4Network:
    """A /24 of the private ranges that overlaps no address and no route of this machine.

    A clash would take the machine's own gateway away.
    """
    routes = json.loads(run_tool(["ip", "-json", "-4", "route", "show", "table", "all"]).output)
    return unused_subnet(
        ipaddress.ip_network(route["dst"], strict=False)
        for route in routes
        if route["dst"] != "default"
    )


def unused_subnet(taken: Iterable[IPNetwork]) -> ipaddress.IPv4Network:
    """Return a subnet that overlaps none of the networks. Raises `RuntimeError` if all do."""
    networks = list(taken)
    for second in range(200, 256):
        subnet = ipaddress.IPv4Network(f"10.{second}.77.0/24")
        if not any(subnet.overlaps(network) for network in networks if network.version == 4):
            return subnet
    raise RuntimeError("no private subnet is free on this machine")
