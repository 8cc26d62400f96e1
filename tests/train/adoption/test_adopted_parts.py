"""A graph over vectors, times, texts or tokens is adopted with its features declared as such."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goldenpath.errors import InvalidInput
from goldenpath.parsers.toml_parser import parse_toml
from goldenpath.project.task.feature_parts import declared_features
from goldenpath.train.adoption.adopted_contract import AdoptionWish, adopted_contract, numbers_of
from goldenpath.train.adoption.adopted_project import adopted_graph
from tests.serve.onnx_graph import (
    DOUBLE,
    FLOAT,
    INT64,
    STRING,
    attribute,
    float_numbers,
    graph,
    logistic_regression,
    node,
    whole_numbers,
)
from tests.train.evaluation.tokenizer_file import tokenizer_file

MOMENTS = [datetime(2026, 1, day, 12, tzinfo=UTC) for day in (1, 2, 3, 4)]
TABLE = pa.table(
    {
        "face": [[0.5, -1.0], [1.0, 0.0], [0.0, 0.25], [1.5, 1.0]],
        "opened": pa.array(MOMENTS, pa.timestamp("ms", "UTC")),
        "note": [f"{'my card was stolen ' * row}again" for row in (1, 5, 9, 12)],
        "target": [0, 1, 0, 1],
    }
)
NODES = [
    node("ReduceSum", ["face", "axis"], ["sum"], [attribute("keepdims", 1)]),
    node("Cast", ["opened"], ["time"], [attribute("to", FLOAT)]),
    node("IsNaN", ["time"], ["gap"]),
    node("Cast", ["gap"], ["number"], [attribute("to", FLOAT)]),
    node("Mul", ["number", "zero"], ["nothing"]),
    node("Add", ["sum", "nothing"], ["logit"]),
    node("Sigmoid", ["logit"], ["probability"]),
]


def both(kind: int = INT64) -> bytes:
    """A graph of a vector and a time."""
    constants = [whole_numbers("axis", [1]), one_float("zero", 0.0)]
    return graph(NODES, 1, constants, inputs={"face": FLOAT, "opened": kind}, widths={"face": 2})


def one_float(name: str, value: float) -> bytes:
    """A constant."""

    return float_numbers(name, [1], np.array([value], np.float32))


def tokens() -> bytes:
    """A graph of tokens: the share of them in a hundred."""
    nodes = [
        node("ReduceSum", ["attention_mask", "axis"], ["sum"], [attribute("keepdims", 1)]),
        node("Cast", ["sum"], ["number"], [attribute("to", FLOAT)]),
        node("Mul", ["number", "hundredth"], ["probability"]),
    ]
    constants = [whole_numbers("axis", [1]), one_float("hundredth", 0.01)]
    names = {"input_ids": INT64, "attention_mask": INT64}
    return graph(nodes, 1, constants, inputs=names, widths=dict.fromkeys(names, 0))


def wish_in(folder: Path, content: bytes) -> AdoptionWish:
    (folder / "it.onnx").write_bytes(content)
    return AdoptionWish("it", folder / "it.onnx", folder / "rows.parquet")


@pytest.mark.parametrize("kind", [INT64, DOUBLE])
def test_lists_are_a_vector_and_times_a_timestamp(tmp_path: Path, kind: int) -> None:
    adopted = adopted_contract(both(kind), TABLE, wish_in(tmp_path, both(kind)))

    shown = [(each.name, each.part, each.width) for each in declared_features(adopted.contract)]
    assert shown == [("face", "element", 2), ("opened", "days", 2)]
    face = adopted.contract.features[0]
    assert (face.minimum, face.maximum) == (-2.3, 2.8)
    assert adopted.columns == ("face", "face", "opened", "opened")


@pytest.mark.parametrize(
    "column",
    [
        pa.array([date(2026, 1, 1)] * 3 + [None]),
        pa.array(["2026-01-01T10:00:00Z", "2026-01-01T10:00:00+02:00", None, None]),
    ],
    ids=["dates", "texts"],
)
def test_dates_and_texts_of_times_are_times_too(
    tmp_path: Path, column: "pa.Array[pa.Scalar[pa.DataType]]"
) -> None:
    table = TABLE.set_column(1, "opened", column)

    adopted = adopted_contract(both(DOUBLE), table, wish_in(tmp_path, both(DOUBLE)))

    opened = adopted.contract.features[-1]
    assert (opened.part_of, opened.part, opened.missing) == ("opened", "seconds", True)
    rows = numbers_of(adopted.contract.features, adopted.columns, table)
    assert np.isnan(rows["opened_days"]).tolist()[-1]


def test_a_matrix_may_be_made_of_a_list_and_numbers(tmp_path: Path) -> None:
    content = logistic_regression(np.array([0.1, 0.2, 0.3], np.float32), 0.0)
    table = pa.table({"face": TABLE["face"], "age": [1, 2, 3, 4], "target": [0, 1, 0, 1]})

    adopted = adopted_contract(content, table, wish_in(tmp_path, content))

    assert [each.name for each in adopted.contract.features] == ["face_0", "face_1", "age"]


def test_long_texts_of_a_graph_of_texts_are_a_text(tmp_path: Path) -> None:
    labels = [
        attribute("keys_strings", [b"x"]),
        attribute("values_floats", np.array([0.1], np.float32)),
    ]
    nodes = [node("LabelEncoder", ["note"], ["probability"], labels, "ai.onnx.ml")]
    content = graph(nodes, 1, inputs={"note": STRING})

    adopted = adopted_contract(content, TABLE, wish_in(tmp_path, content))

    (declared,) = declared_features(adopted.contract)
    assert (declared.name, declared.part) == ("note", "text")
    assert adopted.contract.features[0].bytes == 500, "twice the longest of 233 bytes"


def test_a_transformer_is_adopted_with_the_tokenizer_beside_it(tmp_path: Path) -> None:
    wish = wish_in(tmp_path, tokens())
    with pytest.raises(InvalidInput, match=r"tokenizer\.json"):
        adopted_contract(tokens(), TABLE, wish)
    (tmp_path / "tokenizer.json").write_bytes(tokenizer_file())

    adoption = adopted_graph(wish, TABLE)
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "src" / "it").mkdir(parents=True)
    (folder / "pyproject.toml").write_text("dependencies = []")
    adoption.write(folder)

    value = parse_toml((folder / "goldenpath.toml").read_bytes(), "it")
    assert value["contract"]["features"] == [  # type: ignore[index]
        {"name": "note", "kind": "text", "bytes": 500}
    ]
    assert value["training"]["outputs"][:2] == ["model.onnx", "tokenizer.json"]  # type: ignore[index]
    assert value["data"]["model"]["path"] == "model"  # type: ignore[index]
    assert sorted(path.name for path in (folder / "model").iterdir()) == [
        "model.onnx", "tokenizer.json",
    ]  # fmt: skip
    assert pq.read_schema(folder / "data" / "rows.parquet").names == ["note", "target"]


def test_weights_beside_a_graph_are_taken_along_and_other_files_are_not(tmp_path: Path) -> None:
    weights = np.array([0.1, 0.2], np.float32)
    content = logistic_regression(weights, 0.0, outside="it.onnx.data")
    wish = wish_in(tmp_path, content)
    (tmp_path / "it.onnx.data").write_bytes(weights.tobytes())
    (tmp_path / "secret.txt").write_text("not of the model")
    table = pa.table({"a": [1.0, 2.0], "b": [1.0, 0.0], "target": [0, 1]})

    adopted = adopted_contract(content, table, wish)

    assert [*adopted.files] == ["it.onnx.data"]


WRONG = {
    "lists of two lengths": ([[1.0, 2.0], [1.0]] * 2, "one length"),
    "lists of texts": ([["a", "b"]] * 4, "other values than numbers"),
    "empty lists": ([[]] * 4, "one length"),
}


@pytest.mark.parametrize(("values", "words"), WRONG.values(), ids=WRONG)
def test_lists_that_are_no_vector_are_refused(
    tmp_path: Path, values: list[list[object]], words: str
) -> None:
    table = TABLE.set_column(0, "face", pa.array(values))

    with pytest.raises(InvalidInput, match=words):
        adopted_contract(both(), table, wish_in(tmp_path, both()))


def test_two_columns_of_texts_ask_which_one_is_meant(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_bytes(tokenizer_file())
    table = TABLE.append_column("other", TABLE["note"])
    wish = wish_in(tmp_path, tokens())

    with pytest.raises(InvalidInput, match="2 columns of texts"):
        adopted_contract(tokens(), table, wish)
    assert adopted_contract(tokens(), table, replace(wish, features=("note",)))
