"""The suite `http`: each attack of a caller is refused, by the control that it names alone."""

from dataclasses import replace

import pytest

from goldenpath.attacks.callers.caller_scene import CallerScene, request
from goldenpath.attacks.callers.http_suite import ATTACKS, CONTROLS, http_suite
from goldenpath.release.attacks.suite import SuiteResult, run
from tests.sizes import at_size

TRIED = CONTROLS[:: at_size(3, 1)]


@pytest.fixture(scope="module")
def result() -> SuiteResult:
    """The suite runs once for all tests."""
    return run(replace(http_suite(), controls=TRIED))


def test_every_attack_is_refused_and_says_why(result: SuiteResult) -> None:
    assert [each.attack for each in result.outcomes if not each.refused or not each.reason] == []
    assert len({each.name for each in ATTACKS}) == len(ATTACKS) == len(result.outcomes)


@pytest.mark.parametrize("control", TRIED)
def test_without_a_control_exactly_its_attacks_succeed(control: str, result: SuiteResult) -> None:
    [ablation] = [each for each in result.ablations if each.control == control]

    assert ablation.succeeded == ablation.expected != ()


@pytest.mark.parametrize("of_gateway", [False, True])
def test_an_honest_request_is_taken_with_every_control(of_gateway: bool) -> None:
    scene = CallerScene(frozenset())
    wire = scene.client(of_gateway=of_gateway)

    wire.send(request("Content-Length: 5", body=b"hello"))

    assert [taken.body for taken in scene.taken] == [b"hello"]
    assert wire.received.startswith(b"HTTP/1.1 200")
