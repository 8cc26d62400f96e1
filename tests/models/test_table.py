"""Every model of `make models` is made by a function, and the table says what each one took."""

import ast
from pathlib import Path

import models.__main__ as bring

SCRIPT = Path(bring.__file__).parent / "libraries" / "make.py"


def test_every_model_with_a_file_has_a_function_that_makes_it() -> None:
    tree = ast.parse(SCRIPT.read_text("utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}

    assert {name for name, each in bring.MODELS.items() if each.file} <= functions
    assert len(bring.MODELS) == 8


def test_the_table_has_seconds_lines_and_what_was_reached(tmp_path: Path) -> None:
    journey = bring.Journey("rent", tmp_path, 12, {"adopt": 1.25, "build": 30.0}, "300 answers")

    *_, line = bring.table([journey]).splitlines()

    assert (
        line == "| rent | a regression in euros | 12 | 2 | 1.2 |  | 30.0 |  |  |  | 300 answers |"
    )


def test_an_unknown_model_is_refused() -> None:
    assert bring.main(["mortage"]) == 2
