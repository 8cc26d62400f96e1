"""An adopted model is a project that loads, scores its rows, and walks the whole road."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from goldenpath.project.load import faults, load_project
from goldenpath.project.scaffold import ADOPTED, create
from goldenpath.project.spec import Project
from goldenpath.train.adoption.adopted_contract import AdoptionWish
from goldenpath.train.adoption.adopted_project import adopted_graph
from goldenpath.train.data.table_file import read_table
from goldenpath.train.evaluation.evaluate import evaluate
from goldenpath.train.evaluation.evaluation_checks import evaluation_checks
from goldenpath.train.evaluation.score import onnx_scorer
from goldenpath.train.given_model import write_given
from tests.serve.onnx_graph import logistic_regression
from tests.sizes import FULL
from tests.starter import UV, environment, share_environments
from tests.verbs import run_verb


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph that somebody exported, and their rows as CSV."""
    folder = tmp_path_factory.mktemp("given")
    draw = np.random.default_rng(3)
    rows = draw.normal(0, 2, (400, 2)).round(3)
    scores = 1 / (1 + np.exp(-(rows @ [1.0, -0.5])))
    lines = [
        f"{number},{a},{b},{int(draw.random() < score)},{'fm'[number % 2]}"
        for number, ((a, b), score) in enumerate(zip(rows, scores, strict=True))
    ]
    (folder / "rows.csv").write_text("client,a,b c,default,sex\n" + "\n".join(lines))
    weights = np.array([1.0, -0.5], np.float32)
    (folder / "score.onnx").write_bytes(logistic_regression(weights, 0.0))
    return folder


@pytest.fixture(scope="module")
def adopted(given: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    wish = AdoptionWish(
        "score", given / "score.onnx", given / "rows.csv", target="default", key="client",
        slices=("sex",), protected=("sex",),
    )  # fmt: skip
    adoption = adopted_graph(wish, read_table(wish.rows))
    folder = create(
        "score", tmp_path_factory.mktemp("new") / "score", uv=UV, environment=environment(),
        now=datetime(2026, 3, 1, tzinfo=UTC), template=ADOPTED, fill=adoption.write,
    )  # fmt: skip
    return load_project(folder)


def test_the_declaration_says_what_was_given_and_what_the_rows_show(adopted: Project) -> None:
    assert adopted.training.given is not None
    assert adopted.training.given.target == "default"
    assert (adopted.slices, adopted.protected) == (("sex",), ("sex",))
    assert [feature.name for feature in adopted.contract.features] == ["a", "b_c"]
    kept = pq.read_schema(Path(adopted.root) / "data" / "rows.parquet").names
    assert kept == ["a", "b_c", "client", "default", "sex"]


def test_only_what_people_have_to_write_is_missing(adopted: Project) -> None:
    files = {fault.file.split("/")[0] for fault in faults(Path(adopted.root))}

    assert files == {"compliance"}
    card = (Path(adopted.root) / "compliance" / "card.md").read_text()
    assert "owner:\napproved_by:\napproved_on:\nreview_by:\n---" in card


def test_the_given_model_is_evaluated_on_the_given_rows(adopted: Project, tmp_path: Path) -> None:
    root = Path(adopted.root)
    paths = {"model": root / "model" / "model.onnx", "rows": root / "data" / "rows.parquet"}

    write_given(adopted, paths, tmp_path)
    score = onnx_scorer(tmp_path / "model.onnx", adopted.contract)
    evaluation = evaluate(adopted, tmp_path, score)
    checks = {each.name: each.detail for each in evaluation_checks(evaluation, adopted)}

    assert evaluation.rows_trained + evaluation.rows_evaluated == 400
    assert {metric.slice for metric in evaluation.metrics} >= {"", "sex=f", "sex=m"}
    assert "no scores of another run" in checks["equality of the export"]
    assert "no leakage" not in checks, "nothing is known about the rows of that training"


class _Road:
    """One home, and the verbs in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str, code: int = 0) -> str:
        """Run a verb, which has to end with `code`. Return what it printed."""
        environment = {**os.environ, "GOLDENPATH_HOME": str(self.folder / "home")}
        done = run_verb(words, environment=environment, folder=self.folder)
        assert done.returncode == code, done.stderr.decode() + done.stdout.decode()
        return done.stdout.decode()


@pytest.fixture
def road(tmp_path: Path) -> Iterator[_Road]:
    road = _Road(tmp_path)
    share_environments(tmp_path / "home")
    yield road
    road.run("down")


@pytest.mark.skipif(not FULL, reason="builds and serves: the whole road, at full size only")
@pytest.mark.timeout(900)
def test_an_adopted_model_is_built_served_and_scores_a_table(road: _Road, given: Path) -> None:
    key = ("--as", "eng", "--key", "eng")
    road.run("init", *key, "--make-key")
    rows = ("--rows", str(given / "rows.csv"), "--target", "default", "--key", "client")
    road.run("adopt", str(given / "score.onnx"), *rows, "--slices", "sex")
    digest = json.loads(road.run("build", "score", "--output", "json"))["digest"]
    road.run("promote", digest, "--stage", "dev", *key)
    closed = road.run("gate", digest, "--stage", "prod", code=7)
    road.run("up", "--listen", "127.0.0.1:0", "--detach")
    data = road.folder / "more.csv"
    data.write_text("a,b_c\n1.0,0.5\n0,0\nmany,0\n")

    scored = road.run("score", "score", str(data), "--stage", "dev", "--out", "out.parquet")
    table = pq.read_table(road.folder / "out.parquet").to_pylist()

    assert "FAIL   training" in closed
    assert "3 rows" in scored
    assert table[0]["score"] == pytest.approx(1 / (1 + np.exp(-0.75)), abs=1e-6)
    assert "expected" in table[2]["refused"]
    assert {row["release"] for row in table[:2]} == {digest}
    assert "'many'" in table[2]["refused"]
