"""Each difference between two recorded environments is named."""

from dataclasses import replace

import numpy as np
import pytest

from goldenpath.project.spec import Band, Contract, DecisionPolicy, Feature, MonitorSettings
from goldenpath.train.environment.environment_equality import (
    ExecutionEnvironment,
    frame_differences,
    machine_differences,
    package_differences,
    served_differences,
)
from goldenpath.train.environment.runtime import Runtime, Wheel
from goldenpath.train.evaluation.golden import TOLERANCE, distance, make_golden, rows_of_golden
from goldenpath.train.training_run import Package

THEN = ExecutionEnvironment(
    python="3.11.7",
    packages=(Package("numpy", "2.4.6", ("sha256:a",)), Package("ruff", "1", ("sha256:r",))),
    frame={"onnxruntime": "1.32.0"},
    cpu="a processor",
    cpu_features="avx2 fma",
    blas="openblas 0.3.30 Haswell",
    threads=1,
    locale="C.UTF-8",
    platform="Linux",
)
RUNTIME = Runtime(("model.txt",), "3.11.7", (Wheel("numpy", "2.4.6", "n.whl", "sha256:a"),))
CONTRACT = Contract(
    name="step",
    features=(Feature("income", "number", missing=True), Feature("age", "number")),
    output="probability",
    decision=DecisionPolicy((Band("all", 1.01, "accept"),)),
    monitor=MonitorSettings(),
)


@pytest.mark.parametrize(
    ("now", "sentence"),
    [
        (replace(THEN, python="3.12.1"), "Python: was 3.11.7, is 3.12.1"),
        (replace(THEN, cpu_features="avx2"), "CPU features: was avx2 fma, is avx2"),
        (replace(THEN, blas="mkl"), "BLAS: was openblas 0.3.30 Haswell, is mkl"),
        (replace(THEN, threads=4), "threads: was 1, is 4"),
        (replace(THEN, locale="de_DE"), "locale: was C.UTF-8, is de_DE"),
    ],
)
def test_each_difference_of_machines_is_named(now: ExecutionEnvironment, sentence: str) -> None:
    assert list(machine_differences(THEN, now)) == [sentence]
    assert list(machine_differences(THEN, THEN)) == []


def test_a_value_that_one_side_did_not_record_is_no_difference() -> None:
    assert list(machine_differences(THEN, ExecutionEnvironment())) == []
    assert list(frame_differences(THEN, ExecutionEnvironment())) == []


def test_another_version_of_the_platforms_packages_is_named() -> None:
    now = ExecutionEnvironment(frame={"onnxruntime": "1.33.0"})

    expected = ["onnxruntime of the platform: was 1.32.0, is 1.33.0"]
    assert list(frame_differences(THEN, now)) == expected


@pytest.mark.parametrize(
    ("wheel", "sentence"),
    [
        (Wheel("numpy", "2.4.7", "n.whl", "sha256:b"), "package numpy: was 2.4.6, is 2.4.7"),
        (Wheel("numpy", "2.4.6", "n.whl", "sha256:b"), "wheel of numpy: was sha256:a, is sha256:b"),
    ],
)
def test_a_served_package_that_differs_from_that_of_the_training_is_named(
    wheel: Wheel, sentence: str
) -> None:
    assert list(served_differences(THEN, replace(RUNTIME, wheels=(wheel,)))) == [sentence]


def test_a_package_that_only_the_server_has_is_named_but_not_one_of_the_training_alone() -> None:
    extra = Wheel("extra", "1.0", "e.whl", "sha256:e")

    assert list(served_differences(THEN, RUNTIME)) == []
    sentences = list(served_differences(THEN, replace(RUNTIME, wheels=(*RUNTIME.wheels, extra))))
    assert sentences == ["package extra: was absent, is 1.0"]
    removed = list(package_differences(THEN.packages, ()))
    assert removed == ["package numpy: was 2.4.6, is absent", "package ruff: was 1, is absent"]


def test_the_distance_to_recorded_scores_is_rounding_or_larger() -> None:
    table = {"income": np.array([0.0, 1.0, np.nan]), "age": np.array([20.0, 60.0, 80.0])}
    golden = make_golden(CONTRACT, table, lambda rows: np.asarray(rows["age"], np.float64) / 100)

    rows = rows_of_golden(golden)
    assert rows.shape == (64, 2)
    assert np.isnan(rows[:, 0]).sum() == 1
    assert distance(golden, rows[:, 1] / 100).is_rounding
    moved = distance(golden, rows[:, 1] / 100 + 2 * TOLERANCE)
    assert not moved.is_rounding
    assert moved.largest == pytest.approx(2 * TOLERANCE, rel=0.1)
    assert not distance(golden, np.full(64, np.nan)).is_rounding


def test_no_made_up_row_is_a_training_row() -> None:
    draw = np.random.default_rng(1)
    table = {"income": draw.normal(size=500), "age": draw.normal(size=500)}
    trained = {tuple(row) for row in np.column_stack([*table.values()]).astype(np.float32)}

    golden = make_golden(CONTRACT, table, lambda rows: np.zeros(64))

    assert not trained & {tuple(row) for row in rows_of_golden(golden)}
