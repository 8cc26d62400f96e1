"""The page of what was asked for: every row has a place that exists and a command that works."""

import re
from pathlib import Path

import pytest

from tests.cli.commands import calls_in, fault

ROOT = Path(__file__).parents[2]
ROWS = re.findall(
    r"^\| (B\d+) \| [^|]+ \| ([^|]+) \| ([^|]+) \|$",
    (ROOT / "docs" / "blueprint.md").read_text("utf-8"), re.MULTILINE,
)  # fmt: skip
TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_every_row_of_the_blueprint_is_there_in_its_order() -> None:
    assert [name for name, *_ in ROWS] == [f"B{number}" for number in range(1, 20)]


@pytest.mark.parametrize(("name", "places", "command"), ROWS, ids=[name for name, *_ in ROWS])
def test_a_row_names_what_exists(name: str, places: str, command: str) -> None:
    paths = re.findall(r"`([^`]+)`", places)
    (shown,) = re.findall(r"`([^`]+)`", command)
    calls = list(calls_in(shown))

    assert paths and [path for path in paths if not (ROOT / path).exists()] == [], name
    assert calls or shown.removeprefix("make ") in TARGETS
    assert [fault(call) for call in calls] == [None] * len(calls)
