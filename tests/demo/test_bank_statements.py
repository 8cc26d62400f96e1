"""The statements of the demo's bank are complete, true of its model, and name no person."""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import goldenpath.project
from goldenpath.demo.bank_statements import write_statements
from goldenpath.project.statements import (
    REQUIRED,
    StatementScene,
    required_statements,
    statement_faults,
)
from goldenpath.release.attest.policy import Person
from tests.project.claims.facts import FACTS

STARTER = Path(goldenpath.project.__file__).parent / "starter"
TODAY = datetime(2026, 11, 29, 12, tzinfo=UTC)
PEOPLE = tuple(
    Person(name, (name,), "") for name in ("data-scientist", "validator", "risk-manager")
)
REQUIRED_HERE = required_statements("high", ("clients",))
MORE = {"envelope.yaml": "H09", "first.yaml": "H22", "none-so-far.yaml": "H23"}
"""Statements that no tier demands, and their numbers."""


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bank")
    shutil.copytree(STARTER / "compliance", folder / "compliance")
    write_statements(folder, TODAY.date())
    return folder


def test_they_pass_every_check_of_a_demonstration(bank: Path) -> None:
    scene = StatementScene(PEOPLE, demonstration=True, facts=FACTS)

    assert statement_faults(bank, REQUIRED_HERE, TODAY, scene) == ()


def test_any_other_platform_names_what_only_a_real_bank_has(bank: Path) -> None:
    faults = statement_faults(bank, REQUIRED_HERE, TODAY, StatementScene(PEOPLE, facts=FACTS))

    assert sorted((fault.file, fault.key) for fault in faults) == [
        ("compliance/declaration.md", ""),
        ("compliance/registration.yaml", "number"),
        ("compliance/system.yaml", "provider.address"),
        ("compliance/system.yaml", "provider.name"),
    ]


def test_they_are_all_of_the_catalogue(bank: Path) -> None:
    names = {path.name for path in (bank / "compliance").rglob("*") if path.is_file()}
    numbers = {each.number for each in (*REQUIRED["high"], *REQUIRED_HERE)}

    assert set(MORE) <= names
    assert numbers | set(MORE.values()) == {f"H{number:02}" for number in range(1, 26)}


def test_a_leap_day_is_reviewed_on_a_day_that_exists(tmp_path: Path) -> None:
    shutil.copytree(STARTER / "compliance", tmp_path / "compliance")

    write_statements(tmp_path, date(2028, 2, 29))

    card = (tmp_path / "compliance/card.md").read_text()
    assert "approved_on: 2028-02-29\nreview_by: 2029-02-28\n" in card
