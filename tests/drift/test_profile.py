"""Profiles: bins, exact counts compared with a simple search, and the round trip."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldenpath.drift.counting import Counts, count, count_column
from goldenpath.drift.profile import Bins, Floats
from goldenpath.drift.profile_format import parse_profile, render_profile
from goldenpath.drift.reference_profile import build_profile
from goldenpath.errors import InvalidInput
from goldenpath.project.spec import (
    Band,
    Contract,
    DecisionPolicy,
    Feature,
    MonitorSettings,
)

CONTRACT = Contract(
    "credit",
    (
        Feature("income", "number"),
        Feature("status", "number"),
        Feature("sex", "category", categories=(2.0, 1.0)),
    ),
    "default_probability",
    DecisionPolicy((Band("low", 0.5, "accept"), Band("high", 2.0, "decline"))),
    MonitorSettings(),
)


def _table(rows: int, seed: int = 0) -> tuple[dict[str, np.ndarray], Floats]:
    random = np.random.default_rng(seed)
    table = {
        "income": np.where(random.random(rows) < 0.2, 0.0, random.normal(100, 20, rows)),
        "status": random.choice([-1, 0, 2], rows, p=[0.3, 0.6, 0.1]),
        "sex": random.choice([1, 2], rows),
    }
    return table, random.random(rows).astype(np.float32)


def _matrix(table: dict[str, np.ndarray]) -> Floats:
    return np.column_stack([table[f.name] for f in CONTRACT.features]).astype(np.float32)


def _bin_by_search(bins: Bins, value: float) -> int:
    if math.isnan(value):
        return bins.size - 1
    if value in bins.atoms:
        return bins.atoms.index(value)
    for i, (low, high) in enumerate(zip(bins.edges[:-1], bins.edges[1:], strict=True)):
        if (low < value or (i == 0 and low == value)) and value <= high:
            return len(bins.atoms) + i
    return bins.size - 2


def test_frequent_values_have_bins_of_their_own_and_the_rest_has_deciles() -> None:
    table, scores = _table(5000)

    income, status, sex = build_profile(CONTRACT, table, scores).features

    assert income.atoms == (0.0,)
    assert len(income.edges) == 11
    assert status.atoms == (-1.0, 0.0, 2.0) and status.edges == ()
    assert sex.atoms == (1.0, 2.0)
    assert sum(income.counts) == 5000 and income.counts[-2:] == (0, 0)


def test_the_reference_counts_like_live_rows() -> None:
    table, scores = _table(5000)
    profile = build_profile(CONTRACT, table, scores)

    live = count(profile, _matrix(table), scores)

    expected = [count for bins in profile.columns for count in bins.counts]
    assert live.values.tolist() == expected
    assert live.rows == 5000


def test_a_code_that_training_never_saw_is_unseen() -> None:
    table, scores = _table(5000)
    status = build_profile(CONTRACT, table, scores).features[1]

    counted = count_column(status, np.array([1.0, 1.0, 0.0, np.nan, np.inf], np.float32))

    assert dict(zip(status.labels, counted.tolist(), strict=True)) == {
        "-1": 0, "0": 1, "2": 0, "unseen": 3, "missing": 1,
    }  # fmt: skip


def test_counts_of_parts_add_up_to_the_counts_of_the_whole() -> None:
    table, scores = _table(3000)
    profile = build_profile(CONTRACT, table, scores)
    rows = _matrix(table)

    parts = [count(profile, rows[i::3], scores[i::3]) for i in range(3)]
    merged = parts[2] + parts[0] + parts[1] + Counts.zero(profile)

    assert np.array_equal(merged.values, count(profile, rows, scores).values)
    assert merged.rows == 3000


@settings(max_examples=60, deadline=None)
@given(
    reference=st.lists(st.floats(-50, 50, width=32) | st.integers(-3, 3), min_size=1, max_size=80),
    live=st.lists(st.floats(width=32) | st.integers(-5, 5), max_size=80),
)
def test_counts_agree_with_a_search_for_each_value(
    reference: list[float], live: list[float]
) -> None:
    contract = Contract("m", (Feature("x", "number"),), "p", CONTRACT.decision, CONTRACT.monitor)
    scores = np.full(len(reference), 0.5)
    bins = build_profile(contract, {"x": np.array(reference, np.float32)}, scores).features[0]
    values = np.array([*live, *reference], np.float32)

    expected = np.zeros(bins.size, np.int64)
    for value in values:
        expected[_bin_by_search(bins, float(value))] += 1

    assert np.array_equal(count_column(bins, values), expected)


def test_a_profile_is_written_as_the_same_bytes_and_read_back_equal() -> None:
    table, scores = _table(5000)
    table["income"][7] = np.nan
    profile = build_profile(CONTRACT, table, scores)

    content = render_profile(profile)

    assert parse_profile(content) == profile
    assert render_profile(build_profile(CONTRACT, table, scores)) == content


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"version":2', b'"version":3'),
        (b'"rows":50', b'"rows":51'),
        (b'"rows":50', b'"rows":0'),
        (b'"kind":"category"', b'"kind":"colour"'),
        (b'"day_effect":1', b'"day_effect":0'),
        (b'"season":"none"', b'"season":"moon"'),
        (b'"season":"none"', b'"season":"weekday"'),
        (b'"days":0', b'"days":-1'),
        (b'"atoms":[1,2]', b'"atoms":[1,"2"]'),
        (b'"atoms":[1,2]', b'"atoms":[1]'),
    ],
)
def test_a_profile_with_a_wrong_member_is_refused(old: bytes, new: bytes) -> None:
    table, scores = _table(50)
    content = render_profile(build_profile(CONTRACT, table, scores))

    assert old in content
    with pytest.raises(InvalidInput):
        parse_profile(content.replace(old, new))


def test_a_reference_without_a_column_or_with_infinity_is_refused() -> None:
    table, scores = _table(50)

    with pytest.raises(InvalidInput, match="no column 'sex'"):
        build_profile(CONTRACT, {k: v for k, v in table.items() if k != "sex"}, scores)
    with pytest.raises(InvalidInput, match="infinite"):
        build_profile(CONTRACT, {**table, "income": np.full(50, np.inf)}, scores)
    with pytest.raises(InvalidInput, match="no rows"):
        build_profile(CONTRACT, table, scores[:0])


def test_a_profile_of_version_1_is_read_as_one_without_times() -> None:
    bins = '{"atoms":[1],"counts":[9,0,1],"edges":[],"kind":"number","name":"x"}'
    score = '{"atoms":[],"counts":[10,0,0],"edges":[0,1],"kind":"score","name":"p"}'
    content = f'{{"design_effect":4,"features":[{bins}],"rows":10,"score":{score},"version":1}}'

    profile = parse_profile(content.encode())

    assert (profile.days, profile.season, profile.has_periods) == (0, "none", False)
    assert {column.dependence.day_effect for column in profile.columns} == {4.0}
    assert {column.dependence.power for column in profile.columns} == {0.0}


@pytest.mark.parametrize(
    ("codes", "labels"),
    [
        ((1234567.0, 1234568.0), ("1234567", "1234568")),
        ((16777215.0, 16777216.0), ("16777215", "16777216")),
        ((2.0**59, 2.0**59 + 2.0**36), ("576460752303423488", "576460821022900224")),
        ((0.1, 0.25), ("0.1", "0.25")),
    ],
)
def test_each_code_has_a_label_of_its_own(
    codes: tuple[float, float], labels: tuple[str, str]
) -> None:
    contract = Contract("m", (Feature("x", "number"),), "p", CONTRACT.decision, CONTRACT.monitor)
    values = np.array([*codes] * 10, np.float32)

    bins = build_profile(contract, {"x": values}, np.full(20, 0.5)).features[0]

    assert bins.labels[:2] == labels
