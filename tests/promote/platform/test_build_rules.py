"""The rules of a platform for builds, and what they refuse."""

import pytest

from goldenpath.canonical import JsonValue
from goldenpath.errors import InvalidInput
from goldenpath.promote.platform.build_rules import (
    BuildRules,
    build_faults,
    build_lines,
    read_build_rules,
)
from goldenpath.promote.platform.toml_table import read_table, refuse_faults

RULES = BuildRules(("pid namespace", "landlock"), network=False)
GOOD: dict[str, JsonValue] = {"confinement": ["pid namespace", "landlock"], "network": False}


def _read(text: str) -> BuildRules:
    table = read_table(text.encode(), "platform.toml")
    rules = read_build_rules(table.table("build"))
    table.end()
    refuse_faults(table, "platform.toml")
    return rules


@pytest.mark.parametrize("rules", [RULES, BuildRules(("seccomp",)), BuildRules(network=False)])
def test_rules_are_read_as_they_were_written(rules: BuildRules) -> None:
    assert _read("\n".join(build_lines(rules))) == rules


def test_a_platform_without_rules_writes_none() -> None:
    assert list(build_lines(BuildRules())) == []
    assert list(build_faults(BuildRules(), {})) == []


def test_a_key_that_is_not_known_is_a_fault() -> None:
    with pytest.raises(InvalidInput, match="sandbox"):
        _read("[build]\nsandbox = true")


def test_a_build_with_all_measures_and_no_network_is_accepted() -> None:
    assert list(build_faults(RULES, GOOD)) == []


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"confinement": ["landlock"]}, "programs of the project ran without pid namespace"),
        ({"confinement": []}, "programs of the project ran without pid namespace, landlock"),
        ({"confinement": None}, "programs of the project ran without pid namespace, landlock"),
        ({"confinement": "pid namespace, landlock"}, "programs of the project ran without"),
        ({"network": True}, "programs of the project may have used the network"),
        ({"network": None}, "programs of the project may have used the network"),
    ],
)
def test_a_build_that_lacks_something_or_does_not_say_is_refused(
    changed: dict[str, JsonValue], fault: str
) -> None:
    (message,) = build_faults(RULES, {**GOOD, **changed})

    assert message.startswith(fault)


def test_a_release_of_an_old_version_recorded_nothing_and_is_refused() -> None:
    assert len(list(build_faults(RULES, {}))) == 2
