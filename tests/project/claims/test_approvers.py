"""An approver of a statement is a person whom the platform lists on that day."""

from datetime import UTC, datetime

import pytest

from goldenpath.project.claims.approvers import approver_faults
from goldenpath.release.attest.policy import Person

DAY = datetime(2026, 6, 1, 12, tzinfo=UTC)
PEOPLE = (
    Person("validator", ("validator",), "key"),
    Person("leaver", ("validator",), "key2", valid_until=DAY),
    Person("joiner", ("validator",), "key3", valid_from=DAY),
)


def faults_of(approver: str, day: str = "2026-06-01", owner: str = "team") -> list[str]:
    values = {"owner": owner, "approved_by": approver, "approved_on": day}
    return [str(fault) for fault in approver_faults("card.md", values, PEOPLE)]


@pytest.mark.parametrize("name", ["model-validator", "Validator", "validator ", "rollout"])
def test_somebody_who_is_not_listed_is_named_with_those_who_are(name: str) -> None:
    (fault,) = faults_of(name)

    assert "validator, leaver, joiner" in fault
    assert repr(name) in fault


@pytest.mark.parametrize(
    ("name", "day", "count"),
    [
        ("validator", "2020-01-01", 0),
        ("leaver", "2026-06-01", 0),
        ("leaver", "2026-06-02", 1),
        ("joiner", "2026-06-01", 0),
        ("joiner", "2026-05-31", 1),
    ],
)
def test_the_time_of_a_person_counts(name: str, day: str, count: int) -> None:
    assert len(faults_of(name, day)) == count


def test_a_placeholder_is_no_name() -> None:
    assert len(faults_of("validator", owner="TODO")) == 1
    assert len(faults_of("<name>")) == 2


def test_without_a_platform_nobody_is_compared() -> None:
    values = {"owner": "team", "approved_by": "anybody"}

    assert not list(approver_faults("card.md", values, None))
