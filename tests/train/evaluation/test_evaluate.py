"""Outputs are evaluated only if they have all columns, no NaN, and targets 0 and 1."""

import dataclasses
import hashlib
import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goldenpath.errors import InvalidInput
from goldenpath.project.load import load_project
from goldenpath.project.spec import Project
from goldenpath.train.evaluation import evaluate as evaluation
from goldenpath.train.evaluation.evaluate import Evaluation
from goldenpath.train.evaluation.evaluation_rows import render_rows
from goldenpath.train.evaluation.score import onnx_scorer

EVALUATION = "evaluation.parquet"


def evaluate(project: Project, outputs: Path) -> Evaluation:
    """Evaluate as the build does, with the scores of the packaged graph."""
    scorer = onnx_scorer(outputs / "model.onnx", project.contract)
    return evaluation.evaluate(project, outputs, scorer)


@pytest.fixture
def outputs(prepared: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(prepared, tmp_path / "outputs"))


@pytest.fixture
def declared(starter: Path) -> Project:
    return load_project(starter)


def _put(outputs: Path, column: str, value: float | str | None, file: str = EVALUATION) -> None:
    """Put one value into the last row of a column."""
    table = pq.read_table(outputs / file)
    position = table.column_names.index(column)
    values = [*table[column].to_pylist()[:-1], value]
    pq.write_table(table.set_column(position, column, pa.array(values)), outputs / file)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("score", float("nan")),
        ("score", None),
        ("age", float("inf")),
        ("age", None),
        ("target", None),
    ],
)
def test_a_value_that_is_not_a_number_is_refused(
    outputs: Path, declared: Project, column: str, value: float | None
) -> None:
    _put(outputs, column, value)

    with pytest.raises(InvalidInput, match=f"has a {column!r} that is not a number"):
        evaluate(declared, outputs)


def test_a_target_other_than_0_and_1_is_refused(outputs: Path, declared: Project) -> None:
    _put(outputs, "target", 2)

    with pytest.raises(InvalidInput, match="targets other than 0 and 1"):
        evaluate(declared, outputs)


def test_missing_columns_and_rows_are_refused(outputs: Path, declared: Project) -> None:
    table = pq.read_table(outputs / EVALUATION)
    pq.write_table(table.drop_columns(["score"]), outputs / EVALUATION)

    with pytest.raises(InvalidInput, match="lacks the columns score"):
        evaluate(declared, outputs)

    pq.write_table(table.slice(0, 0), outputs / EVALUATION)
    with pytest.raises(InvalidInput, match="has no rows"):
        evaluate(declared, outputs)


def test_a_slice_with_too_many_values_is_refused(outputs: Path, declared: Project) -> None:
    rows = pq.read_metadata(outputs / EVALUATION).num_rows

    with pytest.raises(InvalidInput, match=f"slice 'key' has {rows} values"):
        evaluate(replace(declared, slices=("key",)), outputs)


def test_keys_in_both_training_and_evaluation_rows_are_counted(
    outputs: Path, declared: Project
) -> None:
    assert evaluate(declared, outputs).shared_keys == 0
    shutil.copy(outputs / "reference.parquet", outputs / EVALUATION)

    rows = pq.read_metadata(outputs / EVALUATION).num_rows
    assert evaluate(declared, outputs).shared_keys == rows > 0


def test_without_keys_the_number_of_shared_rows_is_unknown(
    outputs: Path, declared: Project
) -> None:
    table = pq.read_table(outputs / "reference.parquet")
    pq.write_table(table.drop_columns(["key"]), outputs / "reference.parquet")

    assert evaluate(declared, outputs).shared_keys is None


def test_repeated_keys_of_the_training_rows_are_counted(outputs: Path, declared: Project) -> None:
    first = pq.read_table(outputs / "reference.parquet")["key"][0].as_py()
    _put(outputs, "key", first, "reference.parquet")

    assert evaluate(declared, outputs).repeated_keys == 1


def test_a_score_that_differs_from_the_packaged_models_is_skew(
    outputs: Path, declared: Project
) -> None:
    _put(outputs, "score", 0.999)

    assert evaluate(declared, outputs).largest_skew > 0.1


def test_a_model_that_does_not_fit_the_contract_is_refused(
    outputs: Path, declared: Project
) -> None:
    contract = declared.contract
    fewer = replace(declared, contract=replace(contract, features=contract.features[:5]))
    other = replace(declared, contract=replace(contract, output_tensor="margin"))

    with pytest.raises(InvalidInput, match="has other inputs"):
        evaluate(fewer, outputs)
    with pytest.raises(InvalidInput, match=r"has the outputs .*: expected 'margin'"):
        evaluate(other, outputs)


def test_a_number_with_slices_has_metrics_for_each_interval(
    outputs: Path, declared: Project
) -> None:
    first, *others = declared.contract.features
    cut = dataclasses.replace(first, slices=(-1e9, 1e9))
    contract = dataclasses.replace(declared.contract, features=(cut, *others))

    metrics = evaluate(dataclasses.replace(declared, contract=contract), outputs).metrics

    rows = {metric.slice: metric.rows for metric in metrics if metric.name == "roc_auc"}
    assert rows[f"{first.name}=-1e+09 to 1e+09"] == rows[""]
    assert f"{first.name}=below -1e+09" not in rows


def test_rows_have_the_bytes_that_versions_of_0_1_wrote() -> None:
    keys: list[object] = [3, "x", None, 2.5, *range(100, 140)]
    numbers = np.linspace(0, 1, len(keys))
    labels = [str(number % 3) for number in range(len(keys))]

    hashed = [hashlib.blake2b(str(key).encode(), digest_size=16).digest() for key in keys]
    order = sorted(range(len(hashed)), key=hashed.__getitem__)
    older = pa.table(
        {
            "key": pa.array([hashed[index] for index in order], pa.binary(16)),
            "target": pa.array(numbers[order], pa.float64()),
            "score": pa.array(numbers[order], pa.float64()),
            "slice:of": pa.array([labels[index] for index in order], pa.string()),
        }
    )
    file = io.BytesIO()
    pq.write_table(older, file, compression="zstd")

    assert render_rows(keys, numbers, numbers[:, None], {"of": labels}) == file.getvalue()
    with pytest.raises(InvalidInput, match="repeat a key"):
        render_rows([*keys[:-1], 3], numbers, numbers[:, None], {})
