"""What the gateway has applied: each route for itself."""

from pathlib import Path

import pytest

from goldenpath.deploy.machine.home_faults import HomeFaults
from goldenpath.deploy.machine.routing import Gateway
from goldenpath.processes.launch import GatewayLaunch, Route, RouteSlot


def route(model: str, percent: int = 100) -> Route:
    return Route("prod", model, (RouteSlot("r1", "sha256:" + "ab" * 32, percent, ("unix:a",)),))


def never_started(folder: Path) -> Gateway:
    """A gateway whose process was never started."""
    return Gateway(
        ("false",), {}, folder, GatewayLaunch("127.0.0.1:0"),
        report=lambda _: None, demand=lambda _: None, faults=HomeFaults(folder),
    )  # fmt: skip


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    return never_started(tmp_path)


def unsettled(folder: Path, routes: int) -> int:
    """How many of that many routes are not settled once one of them has changed."""
    gateway = never_started(folder)
    table = [route(f"m{number}") for number in range(routes)]
    gateway.send(tuple(table), ())
    gateway.applied = gateway.generation
    gateway.send((route("m0", 90), *table[1:]), ())
    return sum(not gateway.has_settled(f"prod/{each.model}") for each in table)


def test_of_many_routes_only_the_changed_one_is_starting(tmp_path: Path) -> None:
    assert (unsettled(tmp_path, 4), unsettled(tmp_path, 16)) == (1, 1)


def test_a_change_of_one_route_leaves_the_others_settled(gateway: Gateway) -> None:
    gateway.send((route("claims"), route("credit")), ())
    assert not gateway.has_settled("prod/claims")
    gateway.applied = gateway.generation
    assert gateway.has_settled("prod/claims") and gateway.has_settled("prod/credit")

    gateway.send((route("claims"), route("credit", 90)), ())

    assert gateway.has_settled("prod/claims")
    assert not gateway.has_settled("prod/credit")
    gateway.send((route("claims", 80), route("credit", 90)), ("prod/new",))
    gateway.applied = gateway.generation - 1
    assert gateway.has_settled("prod/credit")
    assert not gateway.has_settled("prod/claims")


def test_a_route_that_left_and_came_back_is_applied_again(gateway: Gateway) -> None:
    gateway.send((route("claims"), route("credit")), ())
    gateway.applied = gateway.generation
    gateway.send((route("claims"),), ())
    gateway.send((route("claims"), route("credit")), ())

    assert gateway.has_settled("prod/claims")
    assert not gateway.has_settled("prod/credit")
