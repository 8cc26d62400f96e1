"""Different numbers have different texts, and a text reads as its number."""

import math

from hypothesis import given
from hypothesis import strategies as st

from goldenpath.project.number_text import number_text


def test_codes_keep_all_their_digits() -> None:
    assert [number_text(code) for code in (10050001.0, 10050002.0, 2.0, -0.5)] == [
        "10050001", "10050002", "2", "-0.5",
    ]  # fmt: skip


@given(st.floats(allow_nan=False))
def test_a_text_reads_as_its_number(number: float) -> None:
    assert float(number_text(number)) == number


def test_what_is_no_number_has_a_text_too() -> None:
    assert number_text(math.nan) == "nan"
    assert number_text(-math.inf) == "-inf"
