"""What a training logs to MLflow is read within bounds, and without executing or trusting it."""

import subprocess
import sys
from pathlib import Path

import pytest

from goldenpath.settings import mlflow_environment
from goldenpath.train import mlflow_log
from goldenpath.train.mlflow_log import MetricPoint, read_mlflow_log
from tests.train.conftest import Quick

WRITES = """
import mlflow
with mlflow.start_run():
    mlflow.log_param("depth", 3)
    for step, loss in enumerate((0.5, 0.25)):
        mlflow.log_metric("loss", loss, step=step)
    mlflow.log_metric("fold/1", 0.7)
    mlflow.set_tag("who", "me")
    mlflow.log_text("a picture", "plots/one.txt")
    with mlflow.start_run(nested=True):
        mlflow.log_param("depth", 99)
"""


def test_a_file_store_that_mlflow_wrote_is_read(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", WRITES], check=True, capture_output=True, cwd=tmp_path,
        env=mlflow_environment(tmp_path / "store"),
    )  # fmt: skip

    log = read_mlflow_log(tmp_path / "store")

    assert log is not None
    assert log.parameters == {"depth": "3"}  # nested runs are ignored
    assert log.tags == {"who": "me"}
    assert [(point.name, point.value, point.step) for point in log.metrics] == [
        ("fold/1", 0.7, 0), ("loss", 0.5, 0), ("loss", 0.25, 1),
    ]  # fmt: skip
    assert [name for name, _ in log.artifacts] == ["plots/one.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "0" / ("a" * 32)
    for name in ("params", "metrics", "tags", "artifacts"):
        (folder / name).mkdir(parents=True)
    (folder / "meta.yaml").write_text("")
    return folder


def test_links_and_incomplete_lines_are_ignored(run: Path, tmp_path: Path) -> None:
    (run / "artifacts" / "key").symlink_to("/etc/passwd")
    (run / "params" / "key").symlink_to("/etc/passwd")
    (run / "metrics" / "loss").write_text("5 0.5 0\n6 0.\x00\n7")

    log = read_mlflow_log(tmp_path)

    assert log is not None
    assert (log.artifacts, log.parameters) == ((), {})
    assert log.metrics == (MetricPoint("loss", 0.5, 5, 0),)


def test_artifacts_beyond_the_limits_are_left_out_and_counted(run: Path, tmp_path: Path) -> None:
    for number in range(mlflow_log.MAX_FILES + 3):
        (run / "artifacts" / f"{number:03}").write_bytes(b"x")
    with (run / "artifacts" / "000").open("wb") as file:
        file.truncate(mlflow_log.MAX_BYTES + 1)

    log = read_mlflow_log(tmp_path)

    assert log is not None
    assert (len(log.artifacts), log.left_out) == (mlflow_log.MAX_FILES - 1, 4)


def test_without_a_file_store_there_is_no_log(tmp_path: Path) -> None:
    assert read_mlflow_log(tmp_path / "absent") is None


def test_a_training_logs_into_its_work_folder(quick: Quick, tmp_path: Path) -> None:
    body = (
        "import os; store = Path(os.environ['MLFLOW_TRACKING_URI'][7:]) / '0/a'; "
        "(store / 'params').mkdir(parents=True); (store / 'meta.yaml').touch(); "
        "(store / 'params/depth').write_text('3')"
    )
    trained = quick.run(body, tmp_path / "work")

    assert trained.logged is not None
    assert trained.logged.parameters == {"depth": "3"}
