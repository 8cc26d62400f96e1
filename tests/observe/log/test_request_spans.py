"""Request numbers as spans say what the numbers say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldenpath.errors import InvalidInput
from goldenpath.observe.log.request_spans import RequestSpans
from tests.sizes import examples

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)), max_size=30)


@examples(30, 1000)
@given(SPANS, st.lists(st.integers(0, 60), max_size=30))
def test_they_are_the_same_set(pairs: list[tuple[int, int]], numbers: list[int]) -> None:
    spans, expected = RequestSpans(), set(numbers)
    spans.add_numbers(np.array(numbers, np.int64))
    for first, count in pairs:
        spans.add(first, count)
        expected |= set(range(first, first + count))

    assert {n for first, after in spans for n in range(first, after)} == expected
    assert spans.total == len(expected)
    assert spans.missing == max(expected, default=-1) + 1 - len(expected)
    assert spans.gaps == (max(expected) - min(expected) + 1 - len(expected) if expected else 0)
    assert RequestSpans.parse(spans.text).text == spans.text


def test_a_million_numbers_in_a_row_are_one_span() -> None:
    spans = RequestSpans()
    for first in range(0, 1_000_000, 50):
        spans.add(first, 50)

    assert list(spans) == [(0, 1_000_000)]


@pytest.mark.parametrize("text", ["1", "1+", "-1+2", "1+-2", "a+b", "1+2+3"])
def test_what_is_no_list_of_spans_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="no list of spans"):
        RequestSpans.parse(text)
