"""The metrics that a contract promises are those that are measured; other limits are faults."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goldenpath.project.load import faults
from goldenpath.project.spec import Contract, Feature
from goldenpath.project.task.metric_names import limit_faults, metric_names
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


def test_a_limit_that_nothing_can_meet_is_named_with_its_cure() -> None:
    (fault,) = limit_faults(PROBABILITY, ["brier", "robustness_flip"], "limits")

    assert (fault.key, fault.got) == ("metrics[1].metric", "'robustness_flip'")
    assert "mutable = true" in fault.hint


def test_check_finds_a_limit_of_another_task(starter: Path, tmp_path: Path) -> None:
    import shutil

    project = tmp_path / "project"
    shutil.copytree(starter, project)
    limits = project / "compliance" / "thresholds.yaml"
    limits.write_text(limits.read_text().replace("metric: brier", "metric: r_squared"))

    (fault,) = faults(project)

    assert fault.file == "compliance/thresholds.yaml"
    assert "a metric of the task probability" in fault.expected
