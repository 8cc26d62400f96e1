"""What MLflow saved is found by its own description, which is read within bounds."""

from pathlib import Path

import pytest

from goldenpath.errors import InvalidInput, NotFound
from goldenpath.train.adoption.mlflow_model import fetched, mlflow_model, name_of


def saved(folder: Path, flavors: str, *files: str) -> Path:
    (folder / "MLmodel").write_text(f"artifact_path: model\nflavors:\n{flavors}")
    for name in files:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


@pytest.mark.parametrize(
    ("flavors", "file", "package"),
    [
        (
            "  python_function: {loader_module: mlflow.sklearn}\n"
            "  sklearn: {pickled_model: model.pkl, sklearn_version: 1.5.2}\n",
            "model.pkl",
            "scikit-learn==1.5.2",
        ),
        ("  lightgbm: {data: model.lgb, lgb_version: 4.6.0}\n", "model.lgb", "lightgbm==4.6.0"),
        ("  xgboost: {data: model.ubj, xgb_version: 3.0.1}\n", "model.ubj", "xgboost-cpu==3.0.1"),
        ("  xgboost: {data: model.ubj, xgb_version: 'x; y'}\n", "model.ubj", "xgboost-cpu"),
    ],
)
def test_the_file_of_a_flavor_and_its_library_are_found(
    tmp_path: Path, flavors: str, file: str, package: str
) -> None:
    model = mlflow_model(saved(tmp_path, flavors, file))

    assert model.file == tmp_path / file
    assert model.requirements[0] == package
    assert "cloudpickle" in model.requirements


@pytest.mark.parametrize("data", ["model.onnx", "data"])
def test_a_graph_needs_nothing(tmp_path: Path, data: str) -> None:
    file = "model.onnx" if data == "model.onnx" else "data/it.onnx"

    model = mlflow_model(saved(tmp_path, f"  onnx: {{data: {data}}}\n", file))

    assert model.file == tmp_path / file
    assert model.requirements == ()


@pytest.mark.parametrize(
    ("flavors", "word"),
    [
        ("  pytorch: {model_data: data}\n", "pytorch"),
        ("  sklearn: {pickled_model: ../model.pkl}\n", "names no file"),
        ("  sklearn: {pickled_model: 3}\n", "names no file"),
        ("  sklearn: {pickled_model: gone.pkl}\n", "does not exist"),
        ("  onnx: {data: empty}\n", "0 ONNX files"),
    ],
)
def test_what_cannot_be_taken_over_is_refused(tmp_path: Path, flavors: str, word: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match=word):
        mlflow_model(saved(tmp_path, flavors))


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="MLmodel"):
        mlflow_model(tmp_path)
    with pytest.raises(NotFound, match="does not exist"), fetched(str(tmp_path / "gone"), {}):
        pass
    with fetched(str(tmp_path), {}) as folder:
        assert folder == tmp_path


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("models:/Credit Score/3", "credit-score"),
        ("models:/credit@champion", "credit"),
        ("runs:/0123abcd/model", "model"),
        ("folder/Score_card.onnx", "score-card"),
    ],
)
def test_a_model_is_named_by_what_it_comes_from(source: str, name: str) -> None:
    assert name_of(source) == name
