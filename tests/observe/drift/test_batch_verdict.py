"""A batch that is judged once: its chance of a false alarm, what it finds, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest

from goldenpath.drift.dependence import Dependence
from goldenpath.errors import InvalidInput
from goldenpath.observe.drift.batch_verdict import batch_verdict, of_columns
from goldenpath.project.spec import MonitorSettings
from tests.drift.simulated import Drift, counts_of, profile_of
from tests.sizes import at_size

SETTINGS = MonitorSettings()


def test_no_more_batches_than_the_chance_are_called_drifted() -> None:
    batches, chance = at_size(150, 2000), 0.2
    profile, random = profile_of(4), np.random.default_rng(1)

    verdicts = [
        batch_verdict(profile, counts_of(random, profile, 2000), SETTINGS, days=10, chance=chance)
        for _ in range(batches)
    ]

    drifted = sum(verdict.answer == "drift" for verdict in verdicts)
    assert drifted <= chance * batches + 3 * np.sqrt(chance * (1 - chance) * batches)


@pytest.mark.parametrize(
    ("drift", "kind"),
    [(Drift(0.5), "shift"), (Drift(new=40), "new code"), (Drift(missing=40), "missing")],
)
def test_a_change_is_named_with_its_column_and_kind(drift: Drift, kind: str) -> None:
    profile = profile_of(3)
    counts = counts_of(np.random.default_rng(2), profile, 2000, drift)

    verdict = batch_verdict(profile, counts, SETTINGS, days=10, chance=0.01)

    (drifting,) = [column for column in verdict.columns if column.is_drifting]
    assert (drifting.name, drifting.changes) == ("x0", (kind,))
    assert drifting.since == "", "a batch was looked at once and has no onset"


def test_rows_of_one_day_say_less_where_days_differ() -> None:
    """The same rows are drift if they are from a thousand days, and one odd day if from one."""
    profile = profile_of(2, dependence=Dependence(20.0, 5.0, 1000.0, 200.0))
    counts = counts_of(np.random.default_rng(3), profile, 20_000, Drift(0.5))

    one, many = (
        batch_verdict(profile, counts, SETTINGS, days=days, chance=0.01) for days in (1, 1000)
    )

    assert (one.answer == "drift", many.answer == "drift") == (False, True)


def test_columns_that_were_not_counted_are_not_judged() -> None:
    profile = profile_of(3)

    chosen = of_columns(profile, {"x0", "x2"})

    assert [bins.name for bins in chosen.columns] == ["x0", "x2"]
    with pytest.raises(InvalidInput, match="none of these columns"):
        of_columns(profile, {"other"})


@pytest.mark.parametrize(("days", "chance"), [(0, 0.01), (1, 0.0), (1, 1.0)])
def test_nonsense_is_refused(days: int, chance: float) -> None:
    profile = profile_of(1)
    counts = counts_of(np.random.default_rng(4), profile, 100)

    with pytest.raises(InvalidInput, match="at least one day"):
        batch_verdict(profile, counts, SETTINGS, days=days, chance=chance)
    nothing = replace(counts, values=counts.values * 0, cells=counts.cells * 0)
    with pytest.raises(InvalidInput, match="no rows"):
        batch_verdict(profile, nothing, SETTINGS, days=1, chance=0.01)
