"""The input contract against a plain reading of it, value by value."""

import math
import tracemalloc

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from goldenpath.project.spec import Band, Contract, DecisionPolicy, Feature, MonitorSettings
from goldenpath.serve.protocol.inputs import InputRules

FEATURES = (
    Feature("free", "number"),
    Feature("range", "number", minimum=0.1, maximum=0.7),
    Feature("above", "number", minimum=5, missing=True),
    Feature("run", "category", categories=(3.0, 1.0, 2.0)),
    Feature("listed", "category", categories=(0.5, 7.0, -1.0), missing=True),
    Feature("one", "category", categories=(0.0,)),
)
RULES = InputRules(
    Contract("m", FEATURES, "o", DecisionPolicy((Band("b", 1.01, "refer"),)), MonitorSettings())
)
value = st.sampled_from(
    [0.0, 0.1, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 7.0, -1.0, math.nan, math.inf, -math.inf]
) | st.floats(width=32)


def _is_right(feature: Feature, number: float) -> bool:
    if math.isnan(number):
        return feature.missing
    if math.isinf(number):
        return False
    if feature.categories:
        return number in feature.categories
    low = -math.inf if feature.minimum is None else float(np.float32(feature.minimum))
    high = math.inf if feature.maximum is None else float(np.float32(feature.maximum))
    return low <= number <= high


@given(st.lists(st.tuples(*[value] * len(FEATURES)), min_size=1, max_size=5))
def test_the_batch_says_what_each_value_says(rows: list[tuple[float, ...]]) -> None:
    array = np.array(rows, dtype=np.float32)
    expected = [
        [_is_right(feature, float(number)) for feature, number in zip(FEATURES, row, strict=True)]
        for row in array
    ]
    right = RULES.accept(array)
    if right is None:
        assert all(all(row) for row in expected)
    else:
        assert right.tolist() == expected
        assert RULES.refusal(array, right).message


def test_the_example_is_right() -> None:
    assert RULES.accept(RULES.examples(50)) is None


PLAIN = InputRules(
    Contract(
        "m",
        (*FEATURES[:4], FEATURES[5]),
        "o",
        DecisionPolicy((Band("b", 1.01, "refer"),)),
        MonitorSettings(),
    )
)
double = st.sampled_from([0.1, 0.7, 1.0, 2.0, 2.5, 5.0, math.nan, math.inf, 1e300]) | st.floats()


@given(st.tuples(*[double] * 5))
def test_a_row_that_is_accepted_alone_is_accepted_in_a_batch(row: tuple[float, ...]) -> None:
    if PLAIN.accepts_row(row):
        assert PLAIN.accept(np.array([row], dtype=np.float32)) is None


def test_a_good_row_needs_no_array() -> None:
    assert PLAIN.accepts_row([1.0, 0.5, 9.0, 2.0, 0.0])
    assert not PLAIN.accepts_row([1.0, 0.5, 9.0, 2.5, 0.0])
    assert not PLAIN.accepts_row([1.0, 0.5, 9.0, 4.0, 0.0])


def _coded(codes: int) -> InputRules:
    """The rules of one category whose codes are not consecutive, beside a number."""
    categories = tuple(3.0 * place - 7.5 for place in reversed(range(codes)))
    features = (
        Feature("branch", "category", categories=categories, missing=True),
        Feature("age", "number"),
    )
    decision = DecisionPolicy((Band("all", 2.0, "accept"),))
    return InputRules(Contract("many", features, "p", decision, MonitorSettings()))


def test_many_codes_are_checked_as_few_are() -> None:
    values = [-7.5, -4.5, -6.0, math.nan, 3.0 * 62 - 7.5, 3.0 * 63 - 7.5, 1e30, -1e30, math.inf]
    rows = np.array([(value, 1.0) for value in values], np.float32)
    for codes in (63, 64, 65, 66, 2_000):
        known = {3.0 * place - 7.5 for place in range(codes)}
        right = _coded(codes).accept(rows)
        assert right is not None
        assert right[:, 0].tolist() == [v in known or math.isnan(v) for v in values], codes


def test_four_times_the_codes_take_no_more_memory_for_a_request() -> None:
    rows = np.full((2_000, 2), -7.5, np.float32)

    def most(codes: int) -> int:
        rules = _coded(codes)
        tracemalloc.start()
        assert rules.accept(rows) is None
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert most(4_000) <= most(1_000) + 1_000
