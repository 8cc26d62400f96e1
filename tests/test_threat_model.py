"""Every control of the threat model names tests that exist, and a module that exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "threat-model.md"
SOURCE = ROOT / "src" / "goldenpath"


def rows() -> list[list[str]]:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in cells if row[0] not in ("holder", "rule")]


def known_tests() -> set[str]:
    return {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_each_row_names_tests_that_exist_or_claims_nothing() -> None:
    known = known_tests()
    for row in rows():
        named = re.findall(r"`(test_[a-z0-9_]+)`", row[-1])
        assert named or row[-1].startswith("*open*"), row
        assert set(named) <= known, set(named) - known


def test_each_control_stands_where_the_page_says() -> None:
    for row in rows():
        for place in re.findall(r"`([a-z_]+(?:/[a-z_]+)+(?:\.py)?)`", row[-2]):
            assert (SOURCE / place).exists(), place


@pytest.mark.parametrize(
    "holder",
    ["a data scientist", "one listed person", "the rollout key", "a build key", "the witness key",
     "who can push to git", "who can push to the registry", "who can write to the home",
     "a caller"],
)  # fmt: skip
def test_no_holder_is_left_out(holder: str) -> None:
    assert any(row[0].startswith(holder) for row in rows())
