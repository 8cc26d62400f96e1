"""Columns of vectors and times become the numbers that callers' values become."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goldenpath.errors import InvalidInput
from goldenpath.project.spec import (
    Contract,
    DataSource,
    Feature,
    GivenModel,
    MonitorSettings,
    Project,
    Training,
)
from goldenpath.project.task.feature_parts import declared_features, expanded
from goldenpath.train.data.part_columns import with_parts
from goldenpath.train.evaluation.column_casts import part_cast
from goldenpath.train.evaluation.evaluate import columns_of, evaluate
from goldenpath.train.given_model import write_given

DECLARED: list[dict[str, object]] = [
    {"name": "face", "kind": "vector", "length": 2, "missing": True},
    {"name": "opened", "kind": "timestamp", "missing": True},
]
FEATURES = tuple(
    Feature(**part)  # type: ignore[arg-type]
    for one in DECLARED
    for part in expanded(one)
)
CONTRACT = Contract("it", FEATURES, "p", None, MonitorSettings())
FACE = [[1.0, 2.0], None, [None, 4.0]]
MOMENTS = [datetime(2000, 1, 3, 0, 0, 5, tzinfo=UTC), None, datetime(1999, 12, 31, 23, tzinfo=UTC)]
TEXTS = ["2000-01-03T00:00:05Z", "", "2000-01-01T00:00:00+01:00"]
DAYS, SECONDS = [2, np.nan, -1], [5, np.nan, 82_800]


@pytest.mark.parametrize(
    "faces", [pa.list_(pa.float64()), pa.list_(pa.float32(), 2), pa.large_list(pa.float64())]
)
@pytest.mark.parametrize(
    "moments",
    [
        pa.array(MOMENTS, pa.timestamp("us", "UTC")),
        pa.array(MOMENTS, pa.timestamp("ns", "Europe/Vienna")),
        pa.array([each and each.replace(tzinfo=None) for each in MOMENTS], pa.timestamp("s")),
        pa.array(TEXTS),
    ],
    ids=["us", "zone", "naive", "text"],
)
def test_columns_become_numbers(faces: pa.DataType, moments: "pa.Array[Any]") -> None:
    table = pa.table({"face": pa.array(FACE, faces), "opened": moments, "more": [1, 2, 3]})

    spread = with_parts(table, CONTRACT)

    def column(name: str) -> list[float]:
        return [np.nan if each is None else each for each in spread[name].to_pylist()]

    np.testing.assert_equal(column("face_0"), [1.0, np.nan, np.nan])
    np.testing.assert_equal(column("face_1"), [2.0, np.nan, 4.0])
    np.testing.assert_equal(column("opened_days"), DAYS)
    np.testing.assert_equal(column("opened_seconds"), SECONDS)
    assert spread["more"].to_pylist() == [1, 2, 3]
    assert with_parts(spread, CONTRACT) == spread


@pytest.mark.parametrize(
    ("name", "values", "word"),
    [
        ("face", pa.array([[1.0, 2.0], [1.0]]), "1 numbers in row 1"),
        ("face", pa.array([1.0, 2.0]), "expected lists of 2"),
        ("opened", pa.array(["2000-01-01T00:00:00Z", "soon"]), "'soon' in row 1"),
        ("opened", pa.array([1_500], pa.timestamp("ms")), "part of a second in row 0"),
        ("opened", pa.array([3]), "in row 0"),
    ],
)
def test_a_value_that_is_none_is_named(name: str, values: "pa.Array[Any]", word: str) -> None:
    with pytest.raises(InvalidInput, match=word):
        with_parts(pa.table({name: values}), CONTRACT)


def test_both_tables_of_a_training_may_have_them(tmp_path: Path) -> None:
    rows = 40
    columns: dict[str, object] = {
        "key": [str(row) for row in range(rows)],
        "face": [[row / rows, 1.0] for row in range(rows)],
        "opened": [datetime(2000, 1, 1 + row % 28, tzinfo=UTC) for row in range(rows)],
        "target": [row % 2 for row in range(rows)],
        "score": [row / rows for row in range(rows)],
    }
    for name in ("reference.parquet", "evaluation.parquet"):
        path = tmp_path / name
        pq.write_table(pa.table(columns), path)
    project = Project("/", "it", "low", "it", CONTRACT, Training("a:b", 1, {}, {}), (), ())

    evaluation = evaluate(
        project, tmp_path, lambda table: np.asarray(table["face_0"], np.float64)[:, None]
    )

    assert evaluation.largest_skew < 1e-6
    assert (evaluation.rows_trained, evaluation.rows_evaluated) == (rows, rows)
    assert {feature.name for feature in FEATURES} <= {*columns_of(path, CONTRACT)}


def test_a_given_table_may_have_them(tmp_path: Path) -> None:
    columns = {"face": FACE * 20, "opened": TEXTS * 20, "target": [0, 1, 0] * 20}
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    (tmp_path / "m.onnx").write_bytes(b"x")
    (tmp_path / "out").mkdir()
    data = (DataSource("model", "m.onnx", "1"), DataSource("rows", "rows.parquet", "2"))
    training = Training("", 1, {}, {}, given=GivenModel("model", "rows"))
    project = Project("/", "it", "low", "it", CONTRACT, training, data, ())
    paths = {"model": tmp_path / "m.onnx", "rows": tmp_path / "rows.parquet"}

    write_given(project, paths, tmp_path / "out")

    assert pq.read_schema(tmp_path / "out" / "evaluation.parquet").names == [
        "key", "target", "face", "opened",
    ]  # fmt: skip


def test_a_graph_gets_a_vector_as_one_input_and_a_time_as_seconds() -> None:
    face, opened = declared_features(CONTRACT)
    rows = np.array([[1.0, 2.0, 2.0, 5.0], [3.0, 4.0, -1.0, 82_800.0]], np.float32)

    vector = part_cast(face, CONTRACT, ("tensor(float)", [None, 2]), "it")
    times = part_cast(opened, CONTRACT, ("tensor(double)", [None, 1]), "it")

    assert vector(rows).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert times(rows).ravel().tolist() == [
        datetime(2000, 1, 3, 0, 0, 5, tzinfo=UTC).timestamp(),
        datetime(1999, 12, 31, 23, tzinfo=UTC).timestamp(),
    ]
    for kind, shape in (("tensor(int64)", [None, 1]), ("tensor(float)", [None, 1])):
        with pytest.raises(InvalidInput):
            part_cast(opened, CONTRACT, (kind, shape), "it")
    present = replace(CONTRACT, features=tuple(replace(f, missing=False) for f in FEATURES))
    assert part_cast(opened, present, ("tensor(int64)", [None]), "it")(rows).dtype == np.int64
    with pytest.raises(InvalidInput):
        part_cast(face, CONTRACT, ("tensor(float)", [None, 3]), "it")
