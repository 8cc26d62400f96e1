"""`make full` misses no test that has a full size, and none of them is without a small one."""

import ast
import re
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from tests import sizes

ROOT = Path(__file__).parent.parent
_SELECTION = re.compile(r"\$\$\((grep -rl '([^']+)' tests)\)")
_OURS = {ROOT / "tests" / name for name in ("conftest.py", "sizes.py", "test_sizes.py")}
"""What applies the sizes and this check; they have none of their own."""
_TEST = re.compile(r"^((?:@.*\n(?:[ )].*\n)*)*)(?:async )?def (test_\w+)", re.MULTILINE)


@cache
def texts() -> Mapping[Path, str]:
    files = (ROOT / "tests").rglob("*.py")
    return {path: path.read_text() for path in files if path not in _OURS}


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(texts()[path])


def sized() -> set[Path]:
    """The files that use sizes in whatever way, or the marker itself."""
    suspects = (path for path, text in texts().items() if re.search(r"\bsizes\b|mark\.full", text))
    return {path for path in suspects if any(_uses_sizes(node) for node in ast.walk(parsed(path)))}


def _uses_sizes(node: ast.AST) -> bool:
    match node:
        case ast.ImportFrom(module="tests.sizes"):
            return True
        case ast.ImportFrom(module="tests", names=names):
            return any(each.name == "sizes" for each in names)
        case ast.Import(names=names):
            return any(each.name == "tests.sizes" for each in names)
        case ast.Attribute(attr="full", value=ast.Attribute(attr="mark")):
            return True
        case _:
            return False


def named() -> Iterator[tuple[Path, str]]:
    """What each mark names as the small test."""
    for path in sized():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "full_size":
                yield path, ast.literal_eval(node.args[0])


def small_tests() -> set[str]:
    """Tests of which at least one case runs in `make test`."""
    return {
        name
        for text in texts().values()
        for decorators, name in _TEST.findall(text)
        if "@full_size(" not in decorators
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

    for path, instead in named():
        assert instead in small, f"{path} names {instead}, which make test does not run"


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
