"""What a training tells MLflow by itself is read without trusting it, and lands in our run."""

import subprocess
import sys
from pathlib import Path

import pytest

from goldenpath.settings import told_to_mlflow
from goldenpath.train import logged
from goldenpath.train.logged import Reading, read_logged
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


def test_what_mlflow_itself_writes_is_read(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", WRITES], check=True, capture_output=True, cwd=tmp_path,
        env=told_to_mlflow(tmp_path / "store"),
    )  # fmt: skip

    found = read_logged(tmp_path / "store")

    assert found is not None
    assert found.parameters == {"depth": "3"}  # that of the nested run is not the run's own
    assert found.tags == {"who": "me"}
    assert [(each.name, each.value, each.step) for each in found.metrics] == [
        ("fold/1", 0.7, 0), ("loss", 0.5, 0), ("loss", 0.25, 1),
    ]  # fmt: skip
    assert [name for name, _ in found.artifacts] == ["plots/one.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "0" / ("a" * 32)
    for name in ("params", "metrics", "tags", "artifacts"):
        (folder / name).mkdir(parents=True)
    (folder / "meta.yaml").write_text("")
    return folder


def test_links_and_half_written_lines_are_left_out(run: Path, tmp_path: Path) -> None:
    (run / "artifacts" / "key").symlink_to("/etc/passwd")
    (run / "params" / "key").symlink_to("/etc/passwd")
    (run / "metrics" / "loss").write_text("5 0.5 0\n6 0.\x00\n7")

    found = read_logged(tmp_path)

    assert found is not None
    assert (found.artifacts, found.parameters) == ((), {})
    assert found.metrics == (Reading("loss", 0.5, 5, 0),)


def test_more_than_fits_is_counted_and_left_out(run: Path, tmp_path: Path) -> None:
    for number in range(logged.MAX_FILES + 3):
        (run / "artifacts" / f"{number:03}").write_bytes(b"x")
    with (run / "artifacts" / "000").open("wb") as file:
        file.truncate(logged.MAX_BYTES + 1)

    found = read_logged(tmp_path)

    assert found is not None
    assert (len(found.artifacts), found.left_out) == (logged.MAX_FILES - 1, 4)


def test_a_training_that_logs_nothing_has_logged_nothing(tmp_path: Path) -> None:
    assert read_logged(tmp_path / "absent") is None


def test_a_training_is_given_a_store_in_its_work_folder(quick: Quick, tmp_path: Path) -> None:
    body = (
        "import os; store = Path(os.environ['MLFLOW_TRACKING_URI'][7:]) / '0/a'; "
        "(store / 'params').mkdir(parents=True); (store / 'meta.yaml').touch(); "
        "(store / 'params/depth').write_text('3')"
    )
    trained = quick.run(body, tmp_path / "work")

    assert trained.logged is not None
    assert trained.logged.parameters == {"depth": "3"}
