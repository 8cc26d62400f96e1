"""The list of names in `compose`: what types see and what is imported late are the same."""

import ast
from pathlib import Path

import pytest

from goldenpath import compose

FOLDER = Path(compose.__file__).parent
TREE = ast.parse((FOLDER / "__init__.py").read_text())
LATE: dict[str, str] = compose._WHERE


def test_types_see_exactly_the_names_that_are_imported_late() -> None:
    seen = {
        alias.asname: node.module
        for node in ast.walk(TREE)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
        if alias.asname
    }

    assert seen == {name: f"goldenpath.compose.{part}" for name, part in LATE.items()}


@pytest.mark.parametrize("name", sorted(LATE))
def test_each_name_is_there_and_stands_in_its_own_module(name: str) -> None:
    assert getattr(compose, name) is not None
    module = ast.parse((FOLDER / f"{LATE[name].replace('.', '/')}.py").read_text())
    defined = {node.name for node in module.body if hasattr(node, "name")}
    assert name in defined


def test_each_name_is_used_by_a_verb() -> None:
    used = {
        node.attr
        for path in FOLDER.parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "compose"
    }

    assert set(LATE) <= used, "a name that no verb uses can be imported from its module"


def test_an_unknown_name_is_an_ordinary_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(compose, "nothing")  # noqa: B009 - the name has to be unknown to mypy too
