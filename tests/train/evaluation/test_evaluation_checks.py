"""What a build says about the days of the reference is what the monitor then does."""

import numpy as np
import pytest

from goldenpath.drift.reference_profile import ReferenceTimes, build_profile
from goldenpath.drift.seasons import DAY
from goldenpath.drift.sequential import Detector
from goldenpath.project.spec import MonitorSettings
from goldenpath.train.evaluation.evaluation_checks import known_days
from tests.observe.spooling import CONTRACT, draw, score


@pytest.mark.parametrize(
    ("number", "start"),
    [(0, "unknown: reference.parquet and"), (7, "unknown: the rows are from 7 days"),
     (8, "known: 8 days"), (40, "known: 40 days")],
)  # fmt: skip
def test_shifts_that_count_as_usual_are_named_where_the_days_are_not_known(
    number: int, start: str
) -> None:
    rows = draw(2000, 1)
    seconds = np.arange(2000) * number // 2000 * DAY
    times = ReferenceTimes(seconds, seconds) if number else None
    table = {"income": rows[:, 0], "status": rows[:, 1]}
    profile = build_profile(CONTRACT, table, score(rows), times=times)

    sentence = known_days(times)

    assert sentence.startswith(start)
    floor = Detector.of(profile, MonitorSettings()).floor
    assert (f"up to PSI {floor:g} count as usual" in sentence) == (floor > 0)
    assert ("unknown" in sentence) == (not profile.has_periods)
