"""The rules of a platform for builds, and what they refuse."""

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from goldenpath.canonical import JsonValue
from goldenpath.compose.building import with_rules
from goldenpath.errors import InvalidInput
from goldenpath.project.load import read_declaration
from goldenpath.promote.platform.build_rules import (
    BuildRules,
    build_faults,
    build_lines,
    read_build_rules,
)
from goldenpath.promote.platform.toml_table import read_table, refuse_faults

PROJECT = Path(str(files("goldenpath.project"))) / "starter"
RULES = BuildRules(("pid namespace", "landlock"), network=False)
OURS = "https://index.example/simple"
OWN = BuildRules(indexes=(OURS,), file_hosts=("files.example",))
GOOD: dict[str, JsonValue] = {"confinement": ["pid namespace", "landlock"], "network": False}


def _read(text: str) -> BuildRules:
    table = read_table(text.encode(), "platform.toml")
    rules = read_build_rules(table.table("build"))
    table.end()
    refuse_faults(table, "platform.toml")
    return rules


@pytest.mark.parametrize(
    "rules",
    [RULES, BuildRules(("seccomp",)), BuildRules(network=False), OWN, BuildRules(indexes=(OURS,))],
)
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


@pytest.mark.parametrize(
    "text",
    ['[build]\nindexes = ["http://index.example/simple"]', '[build]\nfile-hosts = ["a.example"]',
     '[build]\nindexes = "https://index.example/simple"'],
)  # fmt: skip
def test_a_list_of_indexes_that_means_nothing_is_a_fault(text: str) -> None:
    with pytest.raises(InvalidInput):
        _read(text)


@pytest.mark.parametrize(
    ("recorded", "is_accepted"),
    [
        ({"indexes": [OURS], "fileHosts": ["files.example"]}, True),
        ({"indexes": [OURS], "fileHosts": []}, True),
        ({"indexes": [OURS, "https://evil.example/simple"], "fileHosts": []}, False),
        ({"indexes": [OURS], "fileHosts": ["evil.example"]}, False),
        ({"indexes": [], "fileHosts": []}, False),
        ({"indexes": [OURS]}, False),
        ({"fileHosts": []}, False),
        ({"indexes": OURS, "fileHosts": []}, False),
        ({}, False),
    ],
)
def test_packages_come_from_the_indexes_of_the_platform_alone(
    recorded: dict[str, JsonValue], is_accepted: bool
) -> None:
    assert (list(build_faults(OWN, recorded)) == []) is is_accepted
    assert list(build_faults(BuildRules(), recorded)) == []


def test_a_project_widens_no_list_of_the_platform() -> None:
    project = read_declaration(PROJECT)
    own = replace(project, indexes=("https://evil.example",), file_hosts=("evil.example",))

    judged = with_rules(own, OWN)

    assert (judged.indexes, judged.file_hosts) == ((OURS,), ("files.example",))
    assert with_rules(own, BuildRules(network=False)) == own
