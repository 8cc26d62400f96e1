"""Ports and subnets of the cluster of the walk."""

import ipaddress
import socket

import pytest

from cluster.addresses import HOST, answers, free_subnet, unused_subnet


def test_a_subnet_that_overlaps_a_network_of_the_machine_is_passed_over() -> None:
    taken = [ipaddress.ip_network("10.200.0.0/16"), ipaddress.ip_network("10.201.77.128/25")]

    assert unused_subnet(taken) == ipaddress.ip_network("10.202.77.0/24")


def test_a_route_of_ipv6_takes_no_subnet() -> None:
    assert unused_subnet([ipaddress.ip_network("::/0")]) == ipaddress.ip_network("10.200.77.0/24")


def test_a_machine_whose_every_subnet_is_taken_is_refused() -> None:
    with pytest.raises(RuntimeError, match="no private subnet is free"):
        unused_subnet([ipaddress.ip_network("10.0.0.0/8")])


def test_a_subnet_is_found_on_this_machine() -> None:
    assert free_subnet().prefixlen == 24


def test_only_a_port_with_a_listener_answers() -> None:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port = listener.getsockname()[1]
        assert not answers(port)
        listener.listen()

        assert answers(port)
