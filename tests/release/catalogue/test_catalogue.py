"""The catalogue on a real MLflow database."""

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from goldenpath.errors import NotFound, Unavailable
from goldenpath.release.catalogue.catalogue_process import Catalogue
from goldenpath.release.catalogue.entry import CatalogueEntry, Point, entry
from goldenpath.train.mlflow_log import MetricPoint, MlflowLog
from goldenpath.train.training_run import Dataset, Environment, Metric, SourceState, TrainingRun
from tests.release.catalogue.tables import copy_empty_catalogue
from tests.sizes import full_size

FIRST, SECOND, THIRD = (Digest("sha256:" + digit * 64) for digit in "123")


def run() -> TrainingRun:
    return TrainingRun(
        model="credit",
        source=SourceState(
            "c" * 40, "ssh://git.example/credit", "main", False, "data-scientist", ""
        ),
        environment=Environment("sha256:" + "e" * 64, "3.11.9", "Linux", "cpu", (), "0.9"),
        datasets=(
            Dataset("train", "data/a.parquet", FIRST.text, 9, 30, (), "UCI", "CC-BY-4.0", ""),
        ),
        entry="credit.train:train",
        seed=7,
        threads=1,
        parameters={"depth": 3, "rate": 0.1},
        metrics=(
            Metric("auc", 0.77, 0.75, 0.79, 5000),
            Metric("auc", 0.76, None, None, 20, slice="sex=2"),
        ),
        checks=(),
        thresholds_digest="sha256:" + "f" * 64,
        thresholds_committed_at="2026-11-01T10:00:00Z",
        started_at="2026-11-22T10:00:00Z",
        finished_at="2026-11-22T10:01:00Z",
        training_seconds=12.5,
        peak_memory=1000,
        rows_trained=100,
        rows_evaluated=50,
        largest_skew=1e-7,
        outputs={},
    )


def release(digest: Digest) -> CatalogueEntry:
    return entry(
        run(), digest, f"oci://registry.example/credit@{digest}", statements={"sbom": SECOND}
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an empty catalogue."""
    folder = tmp_path_factory.mktemp("catalogue")
    copy_empty_catalogue(folder / "mlflow.db")
    return folder


@pytest.fixture(scope="module")
def catalogue(folder: Path) -> Iterator[Catalogue]:
    with Catalogue(f"sqlite:///{folder}/mlflow.db", folder / "files") as opened:
        yield opened


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        return database.execute(query).fetchall()


def test_an_entry_has_intervals_slices_and_links() -> None:
    made = release(FIRST)

    assert Point("auc", 0.77) in made.metrics
    assert Point("auc.low", 0.75) in made.metrics
    assert Point("auc/sex:2", 0.76) in made.metrics
    assert made.tags["oci.digest"] == FIRST.text
    assert made.tags["statement.sbom"] == SECOND.text
    assert made.parameters["depth"] == "3"


def test_a_release_is_registered_once_with_its_whole_run(
    catalogue: Catalogue, folder: Path
) -> None:
    first = catalogue.register(release(FIRST))
    again = catalogue.register(release(FIRST))

    assert (first.number, first.is_new) == ("1", True)
    assert (again.number, again.is_new, again.run_id) == ("1", False, first.run_id)
    assert first.source == f"oci://registry.example/credit@{FIRST}"
    assert rows(folder, "select count(*) from runs") == [(1,)]
    assert rows(folder, "select value from metrics where key = 'auc/sex:2'") == [(0.76,)]
    assert rows(folder, "select value from params where key = 'seed'") == [("7",)]
    assert rows(folder, "select value from input_tags where name = 'digest'") == [(FIRST.text,)]
    assert rows(folder, "select status, end_time - start_time from runs") == [("FINISHED", 60000)]


def test_an_alias_moves_to_another_version_and_back(catalogue: Catalogue, folder: Path) -> None:
    one, two = catalogue.register(release(FIRST)), catalogue.register(release(SECOND))

    def alias() -> list[tuple[object, ...]]:
        return rows(folder, "select alias, version from registered_model_aliases")

    catalogue.set_alias("credit", "prod", SECOND.text)
    assert alias() == [("prod", int(two.number))]
    catalogue.set_alias("credit", "prod", FIRST.text)
    assert alias() == [("prod", int(one.number))]


def test_an_alias_of_an_unregistered_release_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(NotFound, match="no version of credit"):
        catalogue.set_alias("credit", "prod", "sha256:" + "9" * 64)


def test_a_process_that_has_ended_is_unavailable(tmp_path: Path) -> None:
    with (
        Catalogue("unknown-scheme://x", tmp_path) as broken,
        pytest.raises(Unavailable, match=r"catalogue"),
    ):
        broken.register(release(FIRST))


def test_nothing_is_written_into_the_working_folder(catalogue: Catalogue, folder: Path) -> None:
    catalogue.register(release(FIRST))

    assert {path.name for path in folder.iterdir()} == {"mlflow.db", "files"}
    assert json.dumps(sorted(p.name for p in (folder / "files").iterdir())) == '["catalogue.log"]'


def test_values_that_the_training_logged_are_in_the_same_run(
    catalogue: Catalogue, folder: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "picture.txt"
    picture.write_text("a picture")
    logged = MlflowLog(
        parameters={"depth": "99", "width": "5"},
        metrics=(MetricPoint("loss", 0.5, 1000, 0), MetricPoint("loss", 0.25, 2000, 1)),
        tags={"who": "me", "python": "theirs"},
        artifacts=(("plots/picture.txt", picture),),
    )
    catalogue.register(entry(run(), THIRD, f"oci://registry.example/c@{THIRD}", logged=logged))

    params = rows(folder, "select key, value from params")
    tags = rows(folder, "select key, value from tags")
    assert {("depth", "3"), ("logged.depth", "99"), ("width", "5")} <= set(params)
    assert {("python", "3.11.9"), ("logged.python", "theirs"), ("who", "me")} <= set(tags)
    assert rows(folder, "select value from metrics where key = 'loss' order by step") == [
        (0.5,), (0.25,),
    ]  # fmt: skip
    (found,) = (folder / "files").rglob("picture.txt")
    assert found.read_text() == "a picture"


@full_size("test_a_release_is_registered_once_with_its_whole_run")
def test_a_catalogue_that_was_killed_while_it_created_its_tables_opens_again(
    tmp_path: Path,
) -> None:
    database = tmp_path / "mlflow.db"
    program = [sys.executable, "-m", "goldenpath.release.catalogue"]
    command = [*program, f"sqlite:///{database}", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        while not any(path.stat().st_size for path in tmp_path.glob(".mlflow.db.*.partial")):
            time.sleep(0.01)
        process.kill()
    assert not database.exists()
    left = {path.name for path in tmp_path.iterdir()}
    assert any(name.endswith(".partial") for name in left)

    with Catalogue(f"sqlite:///{database}", tmp_path / "files") as opened:
        assert opened.register(release(FIRST)).number == "1"
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", "files", *left}
