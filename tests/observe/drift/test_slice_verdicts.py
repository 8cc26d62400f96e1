"""Slices of a batch against the usual rows of the same slice."""

import numpy as np
import pytest

from goldenpath.drift.counting import Counts
from goldenpath.errors import InvalidInput
from goldenpath.observe.drift.slice_verdicts import slice_verdicts
from goldenpath.observe.drift.table_counts import TableCounts
from goldenpath.project.spec import MonitorSettings
from tests.drift.simulated import NO_DRIFT, Drift, counts_of, profile_of

SETTINGS = MonitorSettings()
PROFILE = profile_of(2)


def counted(seed: int, **slices: tuple[int, Drift]) -> TableCounts:
    """Rows of each slice, whose first column differs from slice to slice as given."""
    random = np.random.default_rng(seed)
    made = {name: counts_of(random, PROFILE, *wish) for name, wish in slices.items()}
    total = sum(made.values(), Counts.zero(PROFILE))
    return TableCounts(PROFILE, total, (), made)


def test_a_slice_is_compared_with_itself_and_not_with_the_whole() -> None:
    baseline = counted(1, old=(20_000, Drift(0.5)), young=(20_000, Drift(-0.5)))
    same = counted(2, old=(4_000, Drift(0.5)), young=(4_000, Drift(-0.5)))
    moved = counted(3, old=(4_000, Drift(-0.5)), young=(4_000, Drift(-0.5)))

    calm = slice_verdicts(same, baseline, SETTINGS, days=20, chance=0.01)
    found = slice_verdicts(moved, baseline, SETTINGS, days=20, chance=0.01)

    assert [each.verdict is not None and each.verdict.answer for each in calm] == [
        "no drift seen", "no drift seen",
    ]  # fmt: skip
    answers = {each.slice: each.verdict.answer for each in found if each.verdict is not None}
    assert answers == {"old": "drift", "young": "no drift seen"}
    assert [round(each.share, 2) for each in found] == [0.5, 0.5]


def test_slices_that_say_too_little_are_named_with_the_reason() -> None:
    baseline = counted(1, gone=(600, NO_DRIFT), few=(499, NO_DRIFT), usual=(600, NO_DRIFT))
    live = counted(2, new=(50, NO_DRIFT), few=(90, NO_DRIFT), usual=(90, NO_DRIFT))

    found = slice_verdicts(live, baseline, SETTINGS, days=1, chance=0.01)

    reasons = {each.slice: each.unknown for each in found}
    assert reasons["new"].startswith("new: the baseline has no such rows, the batch has 50")
    assert reasons["few"].startswith("too few rows: the baseline has 499")
    assert reasons["gone"] == "the batch has no such rows, the baseline has 600"
    assert reasons["usual"] == ""


def test_other_columns_in_the_baseline_are_refused() -> None:
    other = profile_of(1)
    counts = counts_of(np.random.default_rng(1), other, 600)
    baseline = TableCounts(other, counts, (), {"one": counts})

    with pytest.raises(InvalidInput, match="the same columns: only one has x1"):
        slice_verdicts(counted(2, one=(600, NO_DRIFT)), baseline, SETTINGS, days=1, chance=0.01)
