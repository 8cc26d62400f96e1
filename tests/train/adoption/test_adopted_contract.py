"""A graph and a table give a contract that fits both, or a refusal with the way out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from goldenpath.errors import InvalidInput
from goldenpath.project.spec import Contract
from goldenpath.train.adoption.adopted_contract import AdoptionWish, adopted_contract
from tests.serve.onnx_graph import (
    DOUBLE,
    FLOAT,
    INT64,
    STRING,
    attribute,
    graph,
    logistic_regression,
    node,
    zip_map,
)

WISH = AdoptionWish("it", Path("it.onnx"), Path("rows.parquet"))
ROWS = pa.table(
    {
        "age": [20, 40, 60, 80],
        "sex": ["f", "m", "f", "m"],
        "income": [1.0, 2.5, None, 4.0],
        "target": [0, 1, 0, 1],
    }
)
SCORE = logistic_regression(np.array([0.01, -0.5], np.float32), 0.1)


def contract_of(content: bytes, table: pa.Table = ROWS, wish: AdoptionWish = WISH) -> Contract:
    return adopted_contract(content, table, wish).contract


def only(**columns: list[object]) -> pa.Table:
    return pa.table(columns)


def test_one_input_takes_the_numbers_in_the_order_of_the_table() -> None:
    filled = ROWS.set_column(2, "income", pa.array([1.0, 2.5, 3.0, 4.0]))

    contract = contract_of(SCORE, filled)

    assert contract.task == "probability"
    assert [feature.name for feature in contract.features] == ["age", "income"]
    assert (contract.input_tensor, contract.output_tensor) == ("features", "probability")
    assert contract.decision is None


def test_the_order_of_the_model_can_be_said() -> None:
    filled = ROWS.set_column(2, "income", pa.array([1.0, 2.5, 3.0, 4.0]))

    contract = contract_of(SCORE, filled, replace(WISH, features=("income", "age")))

    assert [feature.name for feature in contract.features] == ["income", "age"]


def test_one_input_for_each_column_is_found_by_its_name() -> None:
    labels = attribute("keys_strings", [b"f", b"m"])
    values = attribute("values_floats", np.array([0.25, 0.75], np.float32))
    nodes = [
        node("LabelEncoder", ["sex"], ["coded"], [labels, values], "ai.onnx.ml"),
        node("Cast", ["years of age"], ["years"], [attribute("to", FLOAT)]),
        node("Mul", ["years", "coded"], ["product"]),
        node("Sigmoid", ["product"], ["probability"]),
    ]
    content = graph(nodes, 1, inputs={"sex": STRING, "years of age": INT64})
    table = ROWS.rename_columns(["years of age", "sex", "income", "target"])

    sex, age = contract_of(content, table).features

    assert (sex.name, sex.texts) == ("sex", ("f", "m"))
    assert (age.name, age.whole) == ("years_of_age", True)


def test_outcomes_that_are_texts_are_classes_in_the_order_of_the_alphabet() -> None:
    table = only(a=[0.2, 0.7], b=[0.3, 0.2], c=[0.5, 0.1], target=["glass", "car"])
    table = pa.concat_tables([table, only(a=[0.1], b=[0.1], c=[0.8], target=["theft"])])

    contract = contract_of(zip_map(3, ("car", "glass", "theft")), table)

    assert (contract.task, contract.classes) == ("classes", ("car", "glass", "theft"))
    assert contract.output_tensor == "probability"


def test_a_value_needs_its_unit_and_gets_bounds_around_what_was_seen() -> None:
    content = graph([node("Identity", ["features"], ["probability"])], 1)
    table = only(x=[100.0, 900.0], target=[120.0, 800.0])

    with pytest.raises(InvalidInput, match="its unit is not known"):
        contract_of(content, table)
    contract = contract_of(content, table, replace(WISH, unit="EUR"))

    assert contract.value is not None
    assert (contract.value.unit, contract.value.minimum) == ("EUR", 0.0)
    assert contract.value.maximum >= 900


@pytest.mark.parametrize(
    ("content", "table", "wish", "message"),
    [
        (SCORE, ROWS.drop_columns(["sex"]), replace(WISH, target="y"), "no column 'y'"),
        (SCORE, ROWS.drop_columns(["age"]), WISH, "takes numbers, and column 'sex' holds texts"),
        (SCORE, ROWS.drop_columns(["sex", "age"]), WISH, "takes 2 columns, and .* has 1"),
        (SCORE, only(a=[1.0], b=[2.0], target=[None]), WISH, "without a value"),
        (SCORE, only(a=[1.0, 2.0], b=[2.0, 1.0], target=[0, 1], id=[3, 3]),
         replace(WISH, key="id"), "repeats a value"),
        (graph([node("Identity", ["features"], ["probability"])], 1),
         only(x=[1.5, -2.0], target=[0, 1]), WISH, r"expected scores in \[0, 1\]"),
        (graph([node("Mul", ["x", "y"], ["probability"])], 1, inputs={"x": FLOAT, "y": DOUBLE}),
         only(x=[1.0], target=[1]), WISH, "not an ONNX graph that runs here|has an input 'y'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_words(
    content: bytes, table: pa.Table, wish: AdoptionWish, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        contract_of(content, table, wish)
