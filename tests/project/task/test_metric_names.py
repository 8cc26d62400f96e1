"""The metrics that a contract promises are those that are measured; other limits are faults."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goldenpath.project.load import faults, warnings
from goldenpath.project.spec import Contract, Feature
from goldenpath.project.task.metric_names import limit_faults, limit_warnings, metric_names
from goldenpath.train.evaluation.robustness import Trial, robustness
from goldenpath.train.evaluation.task_metrics import EvaluatedRows, task_metrics
from tests.project.task.test_answer_rules import CLASSES, POLICY, PROBABILITY, VALUE

FREE = replace(PROBABILITY, features=(Feature("x", "number", missing=True, mutable=True),))
CONTRACTS = {
    "probability": PROBABILITY,
    "no policy": replace(PROBABILITY, decision=None),
    "changeable": FREE,
    "classes": CLASSES,
    "outcomes": replace(CLASSES, decision=POLICY),
    "value": VALUE,
}


def _measured(contract: Contract) -> set[str]:
    draw = np.random.default_rng(1)
    target = draw.integers(0, len(contract.classes) or 2, 300).astype(float)
    numbers = draw.uniform(0.1, 0.9, (300, 1))
    if contract.classes:
        numbers = draw.dirichlet(np.ones(3), 300)
    named = {name for name, _ in task_metrics(EvaluatedRows(contract, target, numbers))}
    table = {"x": draw.normal(0, 1, 300)}
    trial = Trial(lambda given: numbers, contract, table, table)
    return named | {name for name, _ in robustness(trial)}


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_what_is_promised_is_what_is_measured(contract: Contract) -> None:
    assert _measured(contract) == {*metric_names(contract)}


def test_a_limit_that_the_declaration_does_not_measure_yet_is_a_warning_with_its_cure() -> None:
    limits = ["brier", "robustness_flip"]
    (fault,) = limit_warnings(PROBABILITY, limits, "limits")

    assert not [*limit_faults(PROBABILITY, limits, "limits")]
    assert (fault.key, fault.got) == ("metrics[1].metric", "'robustness_flip'")
    assert "mutable = true" in fault.hint


def test_features_of_ones_own_beside_the_limits_of_the_starter_are_no_fault(
    starter: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    shutil.copytree(starter, project)
    declared = project / "goldenpath.toml"
    declared.write_text(declared.read_text().replace("mutable = true\n", ""))

    assert not faults(project)
    (warning,) = warnings(project)
    assert "robustness_flip" in warning.got


def test_check_finds_a_limit_of_another_task(starter: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(starter, project)
    limits = project / "compliance" / "thresholds.yaml"
    limits.write_text(limits.read_text().replace("metric: brier", "metric: r_squared"))

    (fault,) = faults(project)

    assert fault.file == "compliance/thresholds.yaml"
    assert "a metric of the task probability" in fault.expected
