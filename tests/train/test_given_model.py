"""What a training would have left is written from a given model, and copies are noticed."""

from dataclasses import replace
from pathlib import Path

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
from goldenpath.train.given_model import copied_materials, given_materials, write_given

CONTRACT = Contract("it", (Feature("x", "number"),), "p", None, MonitorSettings())
GIVEN = GivenModel("model", "rows", target="default", key="client")
ROWS: dict[str, list[object]] = {
    "client": list(range(1000)),
    "x": [1.0] * 1000,
    "default": [0, 1] * 500,
    "sex": ["f"] * 1000,
}


def project(given: GivenModel | None = GIVEN, *more: DataSource) -> Project:
    sources = (DataSource("model", "m.onnx", "sha256:1", source="a vendor"),
               DataSource("rows", "rows.parquet", "sha256:2"), *more)  # fmt: skip
    training = Training("" if given else "a:b", 1, {}, {}, given=given)
    return Project("/", "it", "low", "it", CONTRACT, training, sources, slices=("sex",))


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "m.onnx").write_bytes(b"weights")
    pq.write_table(pa.table(ROWS), tmp_path / "rows.parquet")
    (tmp_path / "out").mkdir()
    return {"model": tmp_path / "m.onnx", "rows": tmp_path / "rows.parquet"}


def written(paths: dict[str, Path], of: Project, most: int = 0) -> tuple[pa.Table, pa.Table]:
    out = paths["rows"].parent / "out"
    write_given(of, paths, out, most)
    reference, evaluation = (
        pq.read_table(out / f"{n}.parquet") for n in ("reference", "evaluation")
    )
    return reference, evaluation


def test_the_file_is_packed_as_it_is_and_each_row_is_in_one_table(paths: dict[str, Path]) -> None:
    reference, evaluation = written(paths, project())
    keys = [{*table["key"].to_pylist()} for table in (reference, evaluation)]

    assert (paths["rows"].parent / "out" / "model.onnx").read_bytes() == b"weights"
    assert keys[0] | keys[1] == {*range(1000)}
    assert not keys[0] & keys[1]
    assert 400 < len(keys[1]) < 600
    assert {*evaluation.column_names} == {"key", "target", "x", "sex"}


def test_a_row_stays_on_its_side_when_others_come(paths: dict[str, Path]) -> None:
    _, before = written(paths, project())
    few = {name: values[:300] for name, values in ROWS.items()}
    pq.write_table(pa.table(few), paths["rows"])

    _, after = written(paths, project())

    assert {*after["key"].to_pylist()} == {*before["key"].to_pylist()} & {*range(300)}


def test_a_second_table_is_the_evaluation(paths: dict[str, Path]) -> None:
    other = replace(GIVEN, evaluation="holdout", key="")
    paths["holdout"] = paths["rows"].with_name("holdout.parquet")
    pq.write_table(pa.table({name: values[:10] for name, values in ROWS.items()}), paths["holdout"])
    source = DataSource("holdout", "holdout.parquet", "sha256:3")

    reference, evaluation = written(paths, project(other, source), most=7)

    assert (reference.num_rows, evaluation.num_rows) == (7, 7)
    assert not {*reference["key"].to_pylist()} & {*evaluation["key"].to_pylist()}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"client": [1], "x": [1.0], "sex": ["f"]}, "no column default"),
        ({"client": [1], "x": [1.0], "sex": ["f"], "default": [0]}, "leave no rows"),
    ],
)
def test_rows_that_cannot_be_used_are_refused(
    rows: dict[str, list[object]], message: str, paths: dict[str, Path]
) -> None:
    pq.write_table(pa.table(rows), paths["rows"])

    with pytest.raises(InvalidInput, match=message):
        written(paths, project())


def test_the_material_is_the_given_file_and_no_data_set() -> None:
    (material,) = given_materials(project())

    assert (material.name, material.digest, material.source) == ("model", "sha256:1", "a vendor")
    assert given_materials(project(None)) == ()


@pytest.mark.parametrize(("content", "copies"), [(b"weights", 1), (b"weighty", 0)])
def test_a_training_that_copies_its_model_trained_nothing(
    content: bytes, copies: int, paths: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "out" / "model.onnx").write_bytes(content)

    found = copied_materials(project(None), tmp_path / "source", paths, tmp_path / "out")

    assert len(found) == copies
