"""Robustness of a packaged model that really runs, against values computed by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from goldenpath.project.spec import Band, Contract, DecisionPolicy, Feature, MonitorSettings
from goldenpath.train.evaluation.robustness import Trial, robustness
from goldenpath.train.evaluation.score import Numbers, RowMatrix, Table, onnx_scorer, rows_of
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


def matrices_made(count: int) -> int:
    """Matrices that a model gets while every one of many features is moved and is missing."""
    features = tuple(
        Feature(f"x{place}", "number", minimum=0, maximum=1, mutable=True, missing=True)
        for place in range(count)
    )
    contract, got = replace(CONTRACT, features=features), list[NDArray[np.float32]]()
    random = np.random.default_rng(1)
    rows = {feature.name: random.random(50) for feature in features}

    def score(table: Table) -> Numbers:
        got.append(rows_of(contract, table))
        return np.asarray(np.nan_to_num(got[-1]).mean(axis=1), np.float64)[:, None]

    metrics = dict(robustness(Trial(score, contract, rows, rows)))
    assert {*metrics} == {"robustness_noise", "robustness_missing", "robustness_flip"}
    assert len(got) == 2 + 7 * count
    original = np.column_stack([rows[feature.name] for feature in features]).astype(np.float32)
    assert (got[0] == original).all(), "every column was put back"
    assert metrics["robustness_missing"].value == max(
        _share_that_differs(original, place) for place in range(count)
    )
    return len({id(each) for each in got})


def _share_that_differs(rows: NDArray[np.float32], place: int) -> float:
    without = rows.copy()
    without[:, place] = 0
    before, after = (each.mean(axis=1) < 0.5 for each in (rows, without))
    return float((before != after).mean())


def test_four_times_the_features_make_no_more_matrices() -> None:
    assert matrices_made(4) == matrices_made(16) == 2


def test_a_column_is_put_back_even_if_the_model_fails() -> None:
    matrix = RowMatrix(CONTRACT, {"income": RANKS, "status": np.ones(1001)})
    before = matrix.matrix.copy()

    with pytest.raises(ZeroDivisionError), matrix.replaced("income", np.zeros(1001)) as changed:
        assert not changed["income"].any()
        raise ZeroDivisionError

    assert (matrix.matrix == before).all()
    assert [*matrix] == ["income", "status"]
