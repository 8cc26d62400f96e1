"""Robustness of a packaged model that really runs, with answers that can be worked out by hand."""

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
    """Declines from an income of 0.5 on; the status is not looked at."""
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


def test_only_what_the_contract_allows_is_tried(model: Path) -> None:
    assert list(measured(model, INCOME, STATUS)) == ["robustness_noise"]


def test_noise_changes_only_what_is_near_the_limit(model: Path) -> None:
    assert 0 < measured(model, INCOME, STATUS)["robustness_noise"] < 0.03
    assert measured(model, INCOME, STATUS, income=0.9)["robustness_noise"] == 0


def test_the_cheapest_flip_is_found_within_a_twentieth_of_the_training_rows(model: Path) -> None:
    found = measured(model, replace(INCOME, mutable=True), STATUS)

    assert found["robustness_flip"] == pytest.approx(0.1, abs=0.005)


def test_a_feature_that_the_model_does_not_look_at_flips_nothing(model: Path) -> None:
    assert measured(model, INCOME, replace(STATUS, mutable=True))["robustness_flip"] == 0


def test_the_same_rows_give_the_same_numbers(model: Path) -> None:
    assert measured(model, INCOME, STATUS) == measured(model, INCOME, STATUS)
