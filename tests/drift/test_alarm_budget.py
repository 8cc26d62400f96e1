"""The budget of one alarm a model-year, for streams of rows that are dependent or have seasons."""

import numpy as np
import pytest
from bench.alarms import SHIFTS, QuietYears, Trial, measured
from bench.streams import STREAMS, Stream

from tests.sizes import at_size, full_size

MODELS = at_size(2, 50)
MISSED = {"AR(1) 0.9": 2.0, "one day in 50 is 1 sd off": 2.0}
"""Streams that docs/alarm-budget.md names as missing the goal, and how much they may miss it by."""


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_a_model_year_without_drift_has_at_most_one_false_alarm(stream: Stream) -> None:
    random = np.random.default_rng(11)
    trial = Trial.of(stream, 30_000, MODELS, random)
    days = at_size(150, 365)

    alarms, _ = trial.quiet(random, days)

    # In the small size so few years are known that only a broken budget shows.
    assert alarms <= 4 if MODELS < 10 else QuietYears(MODELS, alarms).bound <= 1


@full_size("test_a_model_year_without_drift_has_at_most_one_false_alarm")
@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_shifts_are_found_nearly_as_soon_as_by_the_best_fixed_window(stream: Stream) -> None:
    _, delays = measured(stream, 30_000, 50, np.random.default_rng(12))

    assert [each.shift for each in delays] == list(SHIFTS)
    # The goal is 1.5; the mean of 50 shifts is known to about a tenth.
    assert max(each.ratio for each in delays) <= MISSED.get(stream.name, 1.65)
