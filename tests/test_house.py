"""The rules of the house, checked: size, names, and what may not stand in a file."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "goldenpath"
MODULES = sorted(
    path for path in SOURCE.rglob("*.py") if "starter" not in path.relative_to(SOURCE).parts
)
SAY_NOTHING = {"utils", "helpers", "common", "misc", "base", "core", "manager", "service"} | {
    "handler",
    "engine",
}


def _code_lines(text: str) -> int:
    return sum(1 for line in text.splitlines() if line.strip() and not line.strip().startswith("#"))


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_is_short_and_says_why_it_exists(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)

    assert path.stem not in SAY_NOTHING
    assert _code_lines(text) <= 350
    assert ast.get_docstring(tree), "a module starts with why it exists"
    for function in _functions(tree):
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        assert length <= 60, f"{function.name} has {length} lines"


def test_no_file_names_an_index_or_a_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    forbidden = ["pypi" + ".org", "python" + "hosted", "/root" + "/", "/work" + "/", "/home" + "/"]

    for name in filter(None, listed):
        path = ROOT / name
        if not path.is_file() or path.suffix in {".parquet", ".onnx", ".xz", ".png"}:
            continue
        text = path.read_text(encoding="utf-8")
        for word in forbidden:
            assert word not in text, f"{name} holds {word}"
