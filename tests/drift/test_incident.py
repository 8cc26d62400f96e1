"""A real incident: a status code that was rare before makes up 12 percent of the September rows.

The reference is April 2005. The rows of each later month are shuffled and looked at 500 at a time,
from a fresh state, with the settings that a new project gets.
"""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import goldenpath.project
from goldenpath.drift.profile import Floats, build_profile, count
from goldenpath.drift.sequential import Detector, State, look
from goldenpath.drift.verdict import DriftVerdict, drift_verdict
from goldenpath.project.load import load_project

STARTER = Path(goldenpath.project.__file__).parent / "starter"
CONTRACT = load_project(STARTER).contract
NAMES = [feature.name for feature in CONTRACT.features]
LIMIT, STATUS = NAMES.index("limit"), NAMES.index("status")


def _month(month: str) -> Floats:
    table = pq.read_table(STARTER / "data" / "clients.parquet")
    suffix = month.replace("-", "_")
    columns = []
    for name in NAMES:
        (column,) = (c for c in table.column_names if c in {name, f"{name}_{suffix}"})
        columns.append(np.asarray(table[column], np.float32))
    rows = np.column_stack(columns)
    shuffled: Floats = rows[np.random.default_rng(5).permutation(len(rows))]
    return shuffled


def _score(rows: Floats) -> Floats:
    """Stand in for the model: a smooth function of features that a model would use."""
    logit = 0.8 * rows[:, STATUS] - 1.5 - rows[:, LIMIT] / 1e6
    return (1 / (1 + np.exp(-logit))).astype(np.float32)


@pytest.fixture(scope="module")
def detector() -> Detector:
    rows = _month("2005-04")
    table = {name: rows[:, i] for i, name in enumerate(NAMES)}
    return Detector.of(build_profile(CONTRACT, table, _score(rows)), CONTRACT.monitor)


def _watch(detector: Detector, month: str) -> tuple[DriftVerdict, int]:
    rows = _month(month)
    scores, state = _score(rows), State.fresh(detector.profile)
    for end in range(500, len(rows) + 1, 500):
        part = slice(end - 500, end)
        counted = count(detector.profile, rows[part], scores[part])
        state, evidence = look(detector, state, counted, f"row {end - 500}")
        if evidence.is_alarm:
            break
    return drift_verdict(detector, state), end


@pytest.mark.parametrize("month", ["2005-05", "2005-06", "2005-07", "2005-08"])
def test_months_with_their_usual_changes_of_bills_and_payments_raise_no_alarm(
    detector: Detector, month: str
) -> None:
    verdict, _ = _watch(detector, month)

    assert verdict.answer == "no drift seen"


def test_the_status_of_september_is_reported_within_2000_rows(detector: Detector) -> None:
    verdict, rows = _watch(detector, "2005-09")

    assert verdict.answer == "drift"
    assert rows <= 2000
    assert [column.name for column in verdict.columns if column.is_drifting] == ["status"]
    assert verdict.columns[0].new_values == ("1",)
