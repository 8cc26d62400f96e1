"""The suite of attacks: each is refused by its control, and every control is needed.

At the small size every attack is made, and one control in four is switched off.
"""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from goldenpath import compose
from goldenpath.cli import attack
from goldenpath.release.attacks.suite import SuiteResult, run
from goldenpath.release.attacks.supply_chain import CONTROLS, SUPPLY_CHAIN, supply_chain
from tests.sizes import at_size, full_size

TRIED = CONTROLS[:: at_size(4, 1)]


@pytest.fixture(scope="module")
def result() -> SuiteResult:
    """The suite runs once for all tests."""
    return run(replace(supply_chain(compose.throwaway_store), controls=TRIED))


def test_there_are_more_than_sixty_attacks_with_different_names() -> None:
    assert len({each.name for each in SUPPLY_CHAIN}) == len(SUPPLY_CHAIN) > 60


def test_every_attack_is_refused_by_its_control(result: SuiteResult) -> None:
    assert [each.attack for each in result.outcomes if not each.refused] == []
    assert [each.attack for each in result.outcomes] == [each.name for each in SUPPLY_CHAIN]


@pytest.mark.parametrize("control", TRIED)
def test_without_a_control_exactly_its_attacks_succeed(control: str, result: SuiteResult) -> None:
    [ablation] = [each for each in result.ablations if each.control == control]

    own = tuple(each.name for each in SUPPLY_CHAIN if each.control == control)
    assert ablation.succeeded == ablation.expected == own != ()


@full_size("test_every_attack_is_refused_by_its_control")
def test_the_command_shows_every_attack_and_every_control() -> None:
    done = CliRunner().invoke(attack.verb, ["--output", "json"], catch_exceptions=False)

    record = json.loads(done.stdout)
    assert (done.exit_code, record["holds"]) == (0, True)
    assert [each["attack"] for each in record["outcomes"]] == [each.name for each in SUPPLY_CHAIN]
    assert [each["control"] for each in record["ablations"]] == list(CONTROLS)
