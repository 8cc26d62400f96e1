"""`make full` misses no test that has a full size, and none of them is without a small one."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests import sizes

ROOT = Path(__file__).parent.parent
_SELECTION = re.compile(r"\$\$\((grep -rl '([^']+)' tests)\)")
_OURS = {"conftest.py", "sizes.py", "test_sizes.py"}
"""What applies the sizes and this check; they have none of their own."""


@cache
def parsed() -> tuple[tuple[Path, ast.Module], ...]:
    return tuple((path, ast.parse(path.read_text())) for path in (ROOT / "tests").rglob("*.py"))


def sized() -> set[Path]:
    """The files that name `tests.sizes` in whatever way, or the marker itself."""
    return {
        path
        for path, tree in parsed()
        if path.parent != ROOT / "tests" or path.name not in _OURS
        for node in ast.walk(tree)
        if (isinstance(node, ast.ImportFrom) and node.module == "tests.sizes")
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "tests"
            and any(each.name == "sizes" for each in node.names)
        )
        or (isinstance(node, ast.Import) and any(e.name == "tests.sizes" for e in node.names))
        or (isinstance(node, ast.Attribute) and ast.unparse(node) == "pytest.mark.full")
    }


def marked() -> Iterator[tuple[str, str]]:
    """Each test that is marked as a whole, or in a case of it, and the small one that it names."""
    for path, tree in parsed():
        if path.name in _OURS:
            continue
        for function in ast.walk(tree):
            for node in ast.walk(function) if isinstance(function, ast.FunctionDef) else ():
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "full_size":
                    yield function.name, ast.literal_eval(node.args[0])


def small_tests() -> set[str]:
    """Tests of which at least one case runs in `make test`."""
    return {
        node.name
        for _, tree in parsed()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and not any(ast.unparse(each).startswith("full_size(") for each in node.decorator_list)
    }


def test_make_full_takes_each_file_that_has_a_full_size() -> None:
    (line,) = re.findall(r"^full:.*\n\t(.+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    found = _SELECTION.search(line)
    assert found is not None and line.startswith("GOLDENPATH_TEST_SIZE=full $(TESTS)")

    listed = subprocess.run(
        ["grep", "-rl", "--include=*.py", found[2], "tests"], cwd=ROOT, check=True,
        capture_output=True, text=True,
    )  # fmt: skip

    assert {ROOT / each for each in listed.stdout.split()} == sized()
    # A helper is no file that pytest could run: whoever imports it would be missed.
    assert all(path.name.startswith("test_") for path in sized())


def test_what_only_make_full_runs_names_what_make_test_has_instead() -> None:
    small = small_tests()

    for name, instead in marked():
        assert instead in small, f"{name} names {instead}, which make test does not run"


@pytest.mark.parametrize(
    ("names", "is_marked", "full", "wanted"),
    [
        ((), False, False, True),
        (("full_size",), True, False, False),
        (("full_size",), False, False, True),
        (("full_size",), True, True, True),
        (("full_size",), False, True, False),
        (("full_size", "at_size"), False, True, True),
        (("examples",), False, True, True),
        ((), False, True, True),
    ],
)
def test_a_test_runs_in_one_size_at_least(
    names: tuple[str, ...], is_marked: bool, full: bool, wanted: bool
) -> None:
    assert sizes.is_wanted(names, is_marked=is_marked, full=full) is wanted


def _nothing() -> None:
    pass


def test_a_marked_test_is_taken_out_of_a_run_of_the_small_size(
    request: pytest.FixtureRequest,
) -> None:
    plain = pytest.Function.from_parent(request.node.parent, name="plain", callobj=_nothing)
    large = pytest.Function.from_parent(request.node.parent, name="large", callobj=_nothing)
    large.add_marker(sizes.full_size("plain"))
    items: list[pytest.Item] = [plain, large]
    conftest = request.config.pluginmanager.get_plugin(str(ROOT / "tests" / "conftest.py"))
    assert conftest is not None

    conftest.pytest_collection_modifyitems(request.config, items)

    assert items == ([plain, large] if sizes.FULL else [plain])
