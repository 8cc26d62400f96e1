"""The suite of attacks: each is refused by its control, and every control is needed."""

import json
from typing import TypedDict

import pytest
from click.testing import CliRunner

from goldenpath.cli import attack
from goldenpath.errors import VerificationError
from goldenpath.release.attacks.supply_chain import CONTROLS, SUPPLY_CHAIN


class _Outcome(TypedDict):
    attack: str
    refused: bool


class _Ablation(TypedDict):
    control: str
    succeeded: list[str]
    expected: list[str]


class Record(TypedDict):
    """The members of the record that `--output json` prints."""

    holds: bool
    outcomes: list[_Outcome]
    ablations: list[_Ablation]


@pytest.fixture(scope="module")
def shown() -> Record:
    """The record that the verb prints. The suite runs once for all tests."""
    done = CliRunner().invoke(attack.verb, ["--output", "json"], catch_exceptions=False)
    assert done.exit_code in (0, VerificationError.exit_code)
    record: Record = json.loads(done.stdout)
    assert (done.exit_code == 0) is record["holds"]
    return record


def test_there_are_more_than_sixty_attacks_with_different_names() -> None:
    assert len({each.name for each in SUPPLY_CHAIN}) == len(SUPPLY_CHAIN) > 60


def test_every_attack_is_refused_by_its_control(shown: Record) -> None:
    assert [outcome["attack"] for outcome in shown["outcomes"] if not outcome["refused"]] == []
    assert [outcome["attack"] for outcome in shown["outcomes"]] == [a.name for a in SUPPLY_CHAIN]


@pytest.mark.parametrize("control", CONTROLS)
def test_without_a_control_exactly_its_attacks_succeed(control: str, shown: Record) -> None:
    [ablation] = [each for each in shown["ablations"] if each["control"] == control]

    own = [each.name for each in SUPPLY_CHAIN if each.control == control]
    assert ablation["succeeded"] == ablation["expected"] == own != []
