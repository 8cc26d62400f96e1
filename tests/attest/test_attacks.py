"""The suite of attacks: each refused by its control, and no control is decoration."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from goldenpath.attest.attacks.suite import CONTROLS, SUPPLY_CHAIN, SuiteResult, run
from goldenpath.cli import attack
from goldenpath.registry.memory import MemoryStore


@pytest.fixture(scope="module")
def result() -> SuiteResult:
    return run(MemoryStore)


def test_there_are_more_than_sixty_attacks_of_different_names() -> None:
    assert len({each.name for each in SUPPLY_CHAIN}) == len(SUPPLY_CHAIN) > 60


def test_every_attack_is_refused_by_its_control(result: SuiteResult) -> None:
    assert [outcome for outcome in result.outcomes if not outcome.refused] == []


@pytest.mark.parametrize("control", CONTROLS)
def test_without_a_control_exactly_its_attacks_succeed(control: str, result: SuiteResult) -> None:
    [ablation] = [each for each in result.ablations if each.control == control]

    assert ablation.succeeded == ablation.expected
    assert ablation.exact


def test_the_documentation_lists_every_control_with_its_attacks() -> None:
    page = (Path(__file__).parents[2] / "docs" / "controls.md").read_text()

    listed = re.findall(r"^\| ([a-z ]+) \| [^|]+ \| (\d+) \|$", page, re.MULTILINE)

    counted = Counter(each.control for each in SUPPLY_CHAIN)
    assert listed == [(control, str(counted[control])) for control in CONTROLS]
    assert f"**{len(SUPPLY_CHAIN)}** attacks" in page


def test_the_verb_shows_what_refused_each_attack() -> None:
    shown = CliRunner().invoke(attack.verb, ["--output", "json"])

    record = json.loads(shown.stdout)
    assert (shown.exit_code, record["holds"]) == (0, True)
    assert {outcome["control"] for outcome in record["outcomes"]} == set(CONTROLS)
