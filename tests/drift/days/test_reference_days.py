"""Which columns are judged by whole days, and what that does to alarms."""

from dataclasses import replace

import numpy as np
import pytest
from bench.alarms import Trial
from bench.streams import Draw, Stream, autoregressive, day_effect, odd_days, weekends

from goldenpath.drift.days.ranked_days import drawn
from goldenpath.drift.days.reference_days import has_outliers
from goldenpath.drift.profile_format import parse_profile, render_profile
from goldenpath.drift.sequential import Detector, State, look
from goldenpath.drift.verdict import drift_verdict
from goldenpath.errors import InvalidInput
from goldenpath.project.spec import MonitorSettings

ODD = Stream("odd days", odd_days(50, 1.0))


def _trial(draw: Draw, models: int = 2, rows: int = 30_000) -> Trial:
    return Trial.of(Stream("a law", draw), rows, models, np.random.default_rng(1))


@pytest.fixture(scope="module")
def odd() -> Trial:
    return _trial(ODD.draw)


@pytest.mark.parametrize(
    "draw", [day_effect(0), day_effect(0.2), autoregressive(0.9), weekends(0.5)]
)
def test_usual_changes_from_day_to_day_are_left_to_the_design_effect(draw: Draw) -> None:
    assert _trial(draw).detector.days == ()


@pytest.mark.parametrize(
    ("draw", "is_slow"),
    [(day_effect(0), False), (day_effect(0.2), True), (autoregressive(0.9), True)],
)
def test_a_column_whose_shifts_are_found_late_is_named_beside_the_budget(
    draw: Draw, is_slow: bool
) -> None:
    detector = _trial(draw, models=1).detector
    limits = drift_verdict(detector, State.fresh(detector.profile)).limits

    assert any("x0, p" in limit and "found later" in limit for limit in limits) == is_slow


def test_days_that_differ_more_than_the_rest_are_ranked_and_the_report_says_so(odd: Trial) -> None:
    names = [odd.profile.columns[column.place].name for column in odd.detector.days]

    assert set(names) == {bins.name for bins in odd.profile.columns}
    verdict = drift_verdict(odd.detector, State.fresh(odd.profile))
    assert any(name in limit and "whole days" in limit for name in names
               for limit in verdict.limits)  # fmt: skip


def test_odd_days_that_the_reference_knows_raise_nothing_and_would_without_ranks(
    odd: Trial,
) -> None:
    columns = [replace(bins, ranked=None) for bins in odd.profile.columns]
    profile = replace(odd.profile, features=tuple(columns[:-1]), score=columns[-1])
    settings = MonitorSettings(false_alarms_a_year=float(odd.models))
    plain = replace(odd, profile=profile, detector=Detector.of(profile, settings))

    assert odd.quiet(np.random.default_rng(2), days=60)[0] == 0
    assert plain.quiet(np.random.default_rng(2), days=60)[0] > 0


def test_a_shift_among_odd_days_is_found_by_name_and_its_onset_is_a_day(odd: Trial) -> None:
    random, state = np.random.default_rng(3), State.fresh(odd.profile)
    for day in range(14):
        for counts, seconds in odd.day(day, 0.5, random):
            state = look(odd.detector, state, counts, seconds)
    columns = drift_verdict(odd.detector, state).columns
    found = {column.name for column in columns if column.is_drifting}

    for column in columns:
        for shares in ([b.reference for b in column.bins], [b.now for b in column.bins]):
            assert sum(shares) == pytest.approx(1, abs=1e-4)
        assert (column.psi is None) == (column.bins == ())
    assert drift_verdict(odd.detector, State.fresh(odd.profile)).columns[0].bins == ()
    assert found == {bins.name for bins in odd.profile.columns[::2]}


def test_a_day_of_few_rows_is_joined_with_the_next_and_of_many_rows_a_part_is_drawn(
    odd: Trial,
) -> None:
    state, random = State.fresh(odd.profile), np.random.default_rng(4)
    lengths = []
    for day in range(5):
        for counts, seconds in odd.day(day, 0.0, random):
            few = replace(counts, values=counts.values // 2)
            state = look(odd.detector, state, few, seconds)
        assert state.in_progress is not None
        lengths.append(len(state.in_progress.live[0]))

    assert lengths[-1] in (1, 2), "two or three days make one"
    assert drawn(np.array([400, 0, 600]), 100, seed=1).sum() == 100
    assert drawn(np.array([4 * 10**12, 10**12]), 100, seed=1).sum() == 100
    assert drawn(np.array([40, 2]), 100, seed=1).tolist() == [40, 2]


def test_a_profile_with_ranked_days_is_the_same_after_it_is_written(odd: Trial) -> None:
    content = render_profile(odd.profile)

    assert parse_profile(content) == odd.profile
    for old, new in [(b'"oddness":[', b'"oddness":["a",'), (b'"moves":[', b'"moves":[0.5,')]:
        with pytest.raises(InvalidInput, match="x0"):
            parse_profile(content.replace(old, new, 1))


@pytest.mark.parametrize("days", [20, 100, 400])
def test_an_outlier_is_far_beyond_what_normal_days_do(days: int) -> None:
    random = np.random.default_rng(1)
    usual = [random.normal(size=days) for _ in range(200)]

    assert sum(map(has_outliers, usual)) <= 4
    found = sum(has_outliers(np.append(each, 9.5)) for each in usual)
    assert found > 190 if days > 20 else found > 120
    assert not has_outliers(np.zeros(days))


def test_a_few_odd_days_are_found_with_few_rows_a_day() -> None:
    trial = _trial(odd_days(50, 1.0), models=10, rows=5_000)

    assert len(trial.detector.days) >= 19, "of 20 columns"
