"""Graphs in the forms that people export give the same numbers, or are refused with a cure."""

from dataclasses import replace

import numpy as np
import pytest

from goldenpath.errors import GoldenPathError, InvalidInput
from goldenpath.project.spec import Contract, Feature, ValueRange
from goldenpath.train.evaluation.onnx_graph import OnnxGraph
from tests.project.task.test_answer_rules import CLASSES, PROBABILITY
from tests.serve.onnx_graph import (
    DOUBLE,
    FLOAT,
    INT64,
    STRING,
    attribute,
    graph,
    node,
    zip_map,
)

NUMBER = Feature("x", "number")
WHOLE = Feature("x", "number", whole=True)
TEXT = Feature("x", "category", categories=("red", "green"))
LONG = Feature("x", "category", categories=("100500010000000001", "100500010000000002"))
CODE = Feature("x", "category", categories=(7.0, 9.0))
OTHER = Feature("y", "number")
TWO = replace(PROBABILITY, features=(NUMBER, OTHER))
COLUMN = np.array([[0.0], [1.0], [0.0]], np.float32)


def of(contract: Contract, *features: Feature) -> Contract:
    return replace(contract, features=features)


def run(content: bytes, contract: Contract, rows: np.ndarray) -> list[list[float]]:
    numbers: list[list[float]] = OnnxGraph(content, contract, "it").run(rows).tolist()
    return numbers


def columns(kind: int, *nodes: bytes, name: str = "x") -> bytes:
    return graph([*nodes], 1, inputs={name: kind})


def cast(name: str = "x") -> bytes:
    return node("Cast", [name], ["probability"], [attribute("to", FLOAT)])


@pytest.mark.parametrize("kind", [FLOAT, DOUBLE])
def test_one_input_for_each_feature_is_fed_by_its_name(kind: int) -> None:
    nodes = [node("Sub", ["x", "y"], ["difference"]), cast("difference")]
    content = graph(nodes, 1, inputs={"y": kind, "x": kind})

    assert run(content, TWO, np.array([[3, 1], [5, 5]], np.float32)) == [[2.0], [0.0]]


@pytest.mark.parametrize("kind", [FLOAT, DOUBLE, INT64])
def test_one_input_of_all_features_has_any_type_of_numbers(kind: int) -> None:
    content = graph([cast("features")], 1, inputs={"features": kind})

    assert run(content, of(PROBABILITY, WHOLE), COLUMN) == [[0.0], [1.0], [0.0]]


def labels(*texts: str) -> bytes:
    keys = attribute("keys_strings", [text.encode() for text in texts])
    values = attribute("values_floats", np.arange(1, len(texts) + 1, dtype=np.float32))
    return node("LabelEncoder", ["x"], ["probability"], [keys, values], "ai.onnx.ml")


@pytest.mark.parametrize(
    ("feature", "texts", "rows"),
    [
        (TEXT, ("red", "green"), COLUMN),
        (LONG, LONG.texts, COLUMN),
        (CODE, ("7", "9"), np.array([[7], [9], [7]], np.float32)),
    ],
)
def test_an_input_of_texts_gets_the_texts_of_callers(
    feature: Feature, texts: tuple[str, ...], rows: np.ndarray
) -> None:
    content = columns(STRING, labels(*texts))

    assert run(content, of(PROBABILITY, feature), rows) == [[1.0], [2.0], [1.0]]


def test_a_missing_text_is_an_empty_one() -> None:
    contract = of(PROBABILITY, replace(TEXT, missing=True))

    numbers = run(columns(STRING, labels("red", "")), contract, np.array([[np.nan]], np.float32))

    assert numbers == [[2.0]]


def test_long_codes_reach_an_input_of_integers_exactly() -> None:
    codes = attribute("keys_int64s", np.array([int(text) for text in LONG.texts]))
    values = attribute("values_floats", np.array([0.25, 0.75], np.float32))
    content = columns(INT64, node("LabelEncoder", ["x"], ["probability"], [codes, values],
                                  "ai.onnx.ml"))  # fmt: skip

    assert run(content, of(PROBABILITY, LONG), COLUMN) == [[0.25], [0.75], [0.25]]


def test_a_list_of_maps_gives_the_last_class_or_all_of_them() -> None:
    three = of(CLASSES, *(replace(NUMBER, name=name) for name in "pqr"))
    rows = np.array([[0.2, 0.3, 0.5]], np.float32)
    mixed = zip_map(3, ("c", "a", "b"))

    assert run(zip_map(1), of(PROBABILITY, NUMBER), COLUMN) == [[0.0], [0.0], [0.0]]
    assert run(mixed, three, rows) == pytest.approx(np.array([[0.3, 0.5, 0.2]]))
    with pytest.raises(GoldenPathError, match="knows the classes"):
        run(zip_map(3, ("c", "a", "other")), three, rows)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_a_fixed_batch_is_filled_up_and_cut_off(count: int) -> None:
    content = graph([node("Identity", ["features"], ["probability"])], 1, rows=3)
    rows = np.arange(count, dtype=np.float32).reshape(-1, 1)

    assert run(content, of(PROBABILITY, NUMBER), rows) == rows.tolist()


def test_classes_are_all_columns_and_a_value_may_be_a_count() -> None:
    three = of(CLASSES, *(replace(NUMBER, name=name) for name in "pqr"))
    identity = graph([node("Identity", ["features"], ["probability"])], 3,
                     outputs={"probability": 3})  # fmt: skip
    value = replace(of(PROBABILITY, NUMBER), task="value", value=ValueRange("pieces", 0, 9))
    count = graph([node("Cast", ["features"], ["probability"], [attribute("to", INT64)])], 1,
                  outputs={"probability": 0})  # fmt: skip

    assert run(identity, three, np.eye(3, dtype=np.float32)) == np.eye(3).tolist()
    assert run(count, value, np.array([[4]], np.float32)) == [[4]]


REFUSED = {
    "texts for a number": (columns(STRING, labels("1")), NUMBER, 'kind = "category"'),
    "integers for a fraction": (columns(INT64, cast()), NUMBER, "whole = true"),
    "integers where one may be missing": (
        columns(INT64, cast()), replace(WHOLE, missing=True), "tensor(float)",
    ),
    "floats for codes that they do not hold": (columns(FLOAT, cast()), LONG, "one of these types"),
    "a vector for a number": (
        graph([node("Identity", ["x"], ["probability"])], 4, features="x",
              outputs={"probability": 4}),
        NUMBER, "one column",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "feature", "cure"), REFUSED.values(), ids=REFUSED)
def test_a_form_that_would_change_a_value_is_refused_with_its_cure(
    content: bytes, feature: Feature, cure: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        OnnxGraph(content, of(PROBABILITY, feature), "it")

    assert cure in (refused.value.hint or "")
