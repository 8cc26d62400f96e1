"""Robustness of a packaged model that really runs, against values computed by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goldenpath.project.spec import Band, Contract, DecisionPolicy, Feature, MonitorSettings
from goldenpath.train.evaluation.robustness import Trial, robustness
from goldenpath.train.evaluation.score import onnx_scorer
from tests.serve.onnx_graph import logistic_regression

INCOME = Feature("income", "number", minimum=0, maximum=1)
STATUS = Feature("status", "category", categories=(0.0, 1.0, 2.0))
CONTRACT = Contract(
    name="step",
    features=(INCOME, STATUS),
    output="probability",
    decision=DecisionPolicy((Band("low", 0.5, "accept"), Band("high", 1.01, "decline"))),
    monitor=MonitorSettings(),
)
RANKS = np.linspace(0, 1, 1001)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a model that declines incomes of 0.5 and more, and ignores the status."""
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    path.write_bytes(logistic_regression(np.array([10.0, 0.0], np.float32), -5.0))
    return path


def measured(model: Path, *features: Feature, income: float | None = None) -> dict[str, float]:
    incomes = RANKS if income is None else np.full(1001, income)
    rows = {"income": incomes, "status": np.ones(1001)}
    reference = {"income": RANKS, "status": np.ones(1001)}
    contract = replace(CONTRACT, features=features)
    trial = Trial(onnx_scorer(model, contract), contract, rows, reference)
    return {name: estimate.value for name, estimate in robustness(trial)}


def test_only_the_metrics_that_apply_to_the_contract_are_computed(model: Path) -> None:
    assert list(measured(model, INCOME, STATUS)) == ["robustness_noise"]


def test_noise_changes_only_decisions_near_the_limit(model: Path) -> None:
    assert 0 < measured(model, INCOME, STATUS)["robustness_noise"] < 0.03
    assert measured(model, INCOME, STATUS, income=0.9)["robustness_noise"] == 0


def test_rows_within_a_twentieth_of_the_training_rows_of_the_limit_flip(model: Path) -> None:
    metrics = measured(model, replace(INCOME, mutable=True), STATUS)

    assert metrics["robustness_flip"] == pytest.approx(0.1, abs=0.005)


def test_a_feature_that_the_model_ignores_flips_no_decision(model: Path) -> None:
    assert measured(model, INCOME, replace(STATUS, mutable=True))["robustness_flip"] == 0


def test_the_same_rows_give_the_same_numbers(model: Path) -> None:
    assert measured(model, INCOME, STATUS) == measured(model, INCOME, STATUS)
