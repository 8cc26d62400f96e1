"""A real incident: a status code that was rare before makes up 12 percent of the September rows.

The reference is April 2005. The rows of each later month come shuffled or as they stand in the
file, at 1,000 a day, from a fresh state, with the settings that a new project gets. They are the
defaults for every project.
"""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import goldenpath.project
from goldenpath.drift.changes import Change, changes
from goldenpath.drift.counting import count
from goldenpath.drift.profile import Floats
from goldenpath.drift.reference_profile import build_profile
from goldenpath.drift.seasons import DAY
from goldenpath.drift.sequential import Detector, State, look
from goldenpath.project.load import load_project
from tests.sizes import at_size

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
    return np.column_stack(columns)


def _score(rows: Floats) -> Floats:
    """Stand in for the model: a smooth function of features that a model would use."""
    logit = 0.8 * rows[:, STATUS] - 1.5 - rows[:, LIMIT] / 1e6
    return (1 / (1 + np.exp(-logit))).astype(np.float32)


@pytest.fixture(scope="module")
def detector() -> Detector:
    rows = _month("2005-04")
    chosen = np.random.default_rng(5).permutation(len(rows))
    trained, unseen = (rows[np.sort(part)] for part in (chosen[6000:], chosen[:6000]))
    table = {name: trained[:, i] for i, name in enumerate(NAMES)}
    return Detector.of(build_profile(CONTRACT, table, _score(unseen)), CONTRACT.monitor)


def _arranged(rows: Floats, order: str) -> Floats:
    if order == "as in the file":
        return rows
    shuffled: Floats = rows[np.random.default_rng(6).permutation(len(rows))]
    return shuffled


def _alarm(detector: Detector, rows: Floats) -> tuple[Change | None, int]:
    """Return the first alarm, and the number of rows up to it."""
    scores, state, size = _score(rows), State.fresh(detector.profile), CONTRACT.monitor.look_rows
    for end in range(size, len(rows) + 1, size):
        part = slice(end - size, end)
        counted = count(detector.profile, rows[part], scores[part])
        state = look(detector, state, counted, (end - size) * DAY // 1000)
        found = next(changes(detector, state, {}))
        if found.is_alarm:
            return found, end
    return None, len(rows)


@pytest.mark.parametrize("order", ["shuffled", "as in the file"])
@pytest.mark.parametrize("month", ["2005-05", "2005-06", "2005-07", "2005-08"])
def test_months_with_their_usual_changes_of_bills_and_payments_raise_no_alarm(
    detector: Detector, month: str, order: str
) -> None:
    rows = _arranged(_month(month), order)[: at_size(18_000, 30_000)]

    assert _alarm(detector, rows) == (None, len(rows))


@pytest.mark.parametrize("order", ["shuffled", "as in the file"])
@pytest.mark.parametrize("share", [1.0, 1 / 3])
def test_the_status_of_september_is_found_by_name_within_1500_rows(
    detector: Detector, share: float, order: str
) -> None:
    rows, september = _month("2005-08"), _month("2005-09")
    changed = np.random.default_rng(7).random(len(rows)) < share
    rows[changed] = september[changed]

    found, size = _alarm(detector, _arranged(rows, order))

    assert found is not None and (found.feature, found.kind) == ("status", "new code")
    assert size <= 1500
