"""Scripts and notebooks are read, not run: their packages, and what a person has to clean."""

import ast
import json
import runpy
from pathlib import Path

import pytest

from goldenpath.errors import InvalidInput
from goldenpath.train.adoption.script_adoption import rows_at
from goldenpath.train.adoption.training_script import (
    TOOLS,
    is_script,
    requirements,
    training_script,
)

SCRIPT = """import os
import numpy.random as random
import yaml
from sklearn.linear_model import LogisticRegression

model = LogisticRegression().fit([[0], [1]], [0, 1])
"""


def notebook(folder: Path, *cells: object) -> Path:
    path = folder / "work.ipynb"
    path.write_text(json.dumps({"cells": [*cells], "nbformat": 4, "metadata": {}}))
    return path


def code(*lines: str) -> dict[str, object]:
    return {"cell_type": "code", "source": [f"{line}\n" for line in lines], "outputs": []}


def test_the_cells_of_a_notebook_follow_one_another(tmp_path: Path) -> None:
    path = notebook(tmp_path, {"cell_type": "markdown", "source": "# why"}, code("a = 1"),
                    {"cell_type": "code", "source": "b = a + 1"})  # fmt: skip

    script = training_script(path)
    (tmp_path / "script.py").write_text(script.text)

    assert runpy.run_path(str(tmp_path / "script.py"))["b"] == 2
    assert script.to_clean == ()
    assert "why" not in script.text


@pytest.mark.parametrize(
    "line", ["%matplotlib inline", "!pip install x", "?model", "model?", "    %time f()"]
)
def test_what_only_a_notebook_understands_is_named_and_left_out(tmp_path: Path, line: str) -> None:
    script = training_script(notebook(tmp_path, code("if True:", f"    {line.strip()}", "a = 1")))

    ast.parse(script.text)
    assert "cell 1, line 2" in script.to_clean[0]
    assert line.strip() in script.to_clean[0]


def test_a_whole_cell_of_magic_is_left_out(tmp_path: Path) -> None:
    script = training_script(notebook(tmp_path, code("%%bash", "rm -r x"), code("a = 1")))

    assert len(script.to_clean) == 2
    ast.parse(script.text)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ('df = read("/srv/me/x.csv")', "path of one machine"),
        ('df = read("~/x.csv")', "path of one machine"),
        ('df = read("C:\\\\x.csv")', "path of one machine"),
        ("name = input('who')", "waits for a person"),
        ('get("https://data.example/x")', "network"),
    ],
)
def test_habits_that_a_build_does_not_allow_are_named(tmp_path: Path, line: str, word: str) -> None:
    path = tmp_path / "train.py"
    path.write_text(f"def read(x): ...\nget = read\n{line}\n")

    (sentence,) = training_script(path).to_clean

    assert word in sentence
    assert sentence.startswith("line 3")


def test_packages_are_those_of_the_imports(tmp_path: Path) -> None:
    named = requirements(tmp_path / "train.py", SCRIPT)

    assert named[:3] == ("numpy", "pyyaml", "scikit-learn")
    assert {*TOOLS} <= {*named}
    assert len({*named}) == len(named)


def test_a_list_beside_the_script_counts_instead(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("scikit-learn==1.5.2 # old\n\npandas\n")

    named = requirements(tmp_path / "train.py", SCRIPT)

    assert named[:2] == ("scikit-learn==1.5.2", "pandas")
    assert "scikit-learn" not in named
    (tmp_path / "requirements.txt").write_text("-r other.txt\n")
    with pytest.raises(InvalidInput, match=r"other\.txt"):
        requirements(tmp_path / "train.py", SCRIPT)


def test_what_is_no_script_is_refused(tmp_path: Path) -> None:
    broken, binary = tmp_path / "broken.py", tmp_path / "binary.py"
    broken.write_text("def (:\n")
    binary.write_bytes(b"\xff\xfe\0")
    (tmp_path / "shared.py").write_text("")

    for path in (broken, binary, notebook(tmp_path), notebook(tmp_path, code("x = = 1"))):
        with pytest.raises(InvalidInput):
            training_script(path)
    with pytest.raises(InvalidInput, match="shared"):
        requirements(tmp_path / "train.py", "import shared\n")
    assert [is_script(Path(name)) for name in ("a.py", "a.ipynb", "a.onnx", "py")] == [
        True, True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("script", "place"),
    [
        ('read("data/rows.csv")', "data/rows.csv"),
        ('read("rows.csv")', "rows.csv"),
        ('read("./rows.csv")', "rows.csv"),
        ("read(path)", "rows.csv"),
        ('read("other_rows.csv")', "rows.csv"),
    ],
)
def test_the_rows_are_put_where_the_script_looks(script: str, place: str) -> None:
    assert rows_at(script, "rows.csv") == place


@pytest.mark.parametrize(
    "path", ["/data/rows.csv", "../rows.csv", "a/../../rows.csv", "C:/rows.csv"]
)
def test_a_place_outside_is_refused_with_the_cure(path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        rows_at(f"read({path!r})", "rows.csv")
    assert "'rows.csv'" in (refused.value.hint or "")
