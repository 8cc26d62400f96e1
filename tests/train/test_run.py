"""The real starter, trained by the real uv in its own environment, and what refuses to be."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from goldenpath.drift.profile import render_profile
from goldenpath.project.load import load_project
from goldenpath.project.spec import Project
from goldenpath.train.run import Trained, train
from tests.starter import NOW, UV, environment


def _train(project: Project, work: Path, report: Callable[[str], None] = lambda _: None) -> Trained:
    return train(project, work, uv=UV, now=lambda: NOW, report=report, tools=environment())


@pytest.fixture(scope="module")
def trained(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return _train(load_project(starter), tmp_path_factory.mktemp("work") / "first")


def test_every_check_of_the_starter_passes(trained: Trained) -> None:
    assert {check.name: check.passed for check in trained.run.checks} == {
        "lint": True,
        "tests": True,
        "smoke training": True,
        "equality of the export": True,
        "no leakage": True,
    }


def test_the_record_says_what_was_built(trained: Trained, starter: Path) -> None:
    run = trained.run

    assert (len(run.source.commit), run.source.dirty, run.source.branch) == (40, False, "main")
    assert run.source.author == "data-scientist <data-scientist@bank.example>"
    assert run.started_at == run.finished_at == "2026-03-02T08:30:00.000000Z"
    assert run.thresholds_committed_at == run.source.committed_at
    assert run.environment.lock_digest == Digest.of((starter / "uv.lock").read_bytes()).text
    assert (run.rows_trained, run.rows_evaluated) == (24_000, 6_000)
    assert run.peak_memory > 50_000_000
    assert run.largest_skew < 1e-6


def test_each_package_is_there_once_with_the_hash_of_its_wheel(trained: Trained) -> None:
    packages = trained.run.environment.packages
    names = [package.name for package in packages]

    assert len(names) == len(set(names))
    assert {"numpy", "scikit-learn", "onnx"} <= set(names)
    assert all(len(package.hashes) == 1 for package in packages)
    assert all(package.licence for package in packages)


def test_metrics_have_intervals_overall_and_per_slice(trained: Trained) -> None:
    metrics = {(metric.name, metric.slice): metric for metric in trained.run.metrics}
    auc = metrics["roc_auc", ""]

    assert auc.low is not None
    assert auc.high is not None
    assert 0.85 < auc.low < auc.value < auc.high < 0.95
    assert (
        metrics["acceptance_rate", "sex=female"].rows > metrics["acceptance_rate", "sex=male"].rows
    )
    assert metrics["brier", "education=6"].low is None


def test_the_data_are_summarised(trained: Trained) -> None:
    (dataset,) = trained.run.datasets
    columns = {column.name: column for column in dataset.columns}

    assert (dataset.rows, dataset.licence) == (30_000, "CC-BY-4.0")
    assert columns["sex"].distinct == 2
    assert columns["sex"].mean == pytest.approx(1 + 18_112 / 30_000)


def test_training_again_gives_the_same_bytes(
    trained: Trained, starter: Path, tmp_path: Path
) -> None:
    again = _train(load_project(starter), tmp_path / "second")

    assert again.run.outputs == trained.run.outputs
    assert render_profile(again.profile) == render_profile(trained.profile)
    assert replace(again.run, checks=(), training_seconds=0.0, peak_memory=0) == replace(
        trained.run, checks=(), training_seconds=0.0, peak_memory=0
    )
