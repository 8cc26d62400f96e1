"""The code that serves an adopted object is Python that a person can read and check."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from goldenpath.project.spec import Feature
from goldenpath.train.adoption.serving_code import SERVED, serving_code

FEATURES = (Feature("age", "number"), Feature("job", "category", categories=("it's", 'b"c')))
COLUMNS = ("age (years)", "job")


@pytest.mark.parametrize("form", SERVED)
def test_it_is_python_that_imports_only_what_is_pinned(form: str) -> None:
    code = serving_code(form, FEATURES, COLUMNS, method="predict_proba", types=["sklearn.x"])

    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(code))
        for name in (
            [each.name for each in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    packages = {
        name.replace("-cpu", "").replace("scikit-learn", "sklearn") for name in SERVED[form]
    }

    assert imported - {"collections", "pathlib"} <= packages


@pytest.mark.parametrize("form", ["skops", "pickle"])
def test_an_object_gets_its_columns_and_texts(form: str) -> None:
    code = serving_code(form, FEATURES, COLUMNS, method="predict", types=["sklearn.x"])

    names: dict[str, object] = {}
    for node in ast.parse(code).body:
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            names[ast.unparse(node.target)] = ast.literal_eval(node.value)
        elif isinstance(node, ast.Assign):
            names[ast.unparse(node.targets[0])] = ast.literal_eval(node.value)

    assert names["COLUMNS"] == COLUMNS
    assert names["TEXTS"] == {"job": FEATURES[1].texts}
    assert names.get("TYPES", ["sklearn.x"]) == ["sklearn.x"]
    assert ".predict(" in code


def test_generated_code_passes_the_linter_of_its_project(tmp_path: Path) -> None:
    template = Path(sys.modules["goldenpath"].__path__[0]) / "project" / "templates" / "adopted"
    (tmp_path / "pyproject.toml").write_bytes((template / "pyproject.toml").read_bytes())
    for form in SERVED:
        code = serving_code(form, FEATURES, COLUMNS, method="predict", types=["sklearn.x"])
        (tmp_path / f"serve_{form}.py").write_text(code)

    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "."],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
