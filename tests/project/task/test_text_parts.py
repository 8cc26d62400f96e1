"""Texts become numbers that hold every byte, and nothing else counts as a text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldenpath.project.task.text_parts import (
    are_texts,
    made_up_texts,
    packed,
    text_fault,
    unpacked,
    width_of,
)
from tests.sizes import examples

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@examples(50, 1000)
@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_a_text_comes_back_from_32_bit_floats_as_it_was(texts: list[str]) -> None:
    limit = max(len(text.encode()) for text in texts)
    rows = packed(texts, width_of(limit)).astype(np.float32)

    assert unpacked(rows) == texts
    assert are_texts(rows, limit).all()
    assert not any(text_fault(text, limit) for text in texts)


def test_an_empty_text_is_a_missing_one() -> None:
    rows = packed(["", None, "a"], 2)

    assert np.isnan(rows[:2]).all()
    assert unpacked(rows) == [None, None, "a"]
    assert are_texts(rows, 6).all()


@pytest.mark.parametrize(
    ("text", "fault"),
    [("ä" * 4, "8 bytes"), ("a\0b", "NUL"), ("\ud800", "not UTF-8"), (7, "type int"),
     (["a"], "type list")],
)  # fmt: skip
def test_a_value_that_is_no_text_is_named_and_not_repeated(text: object, fault: str) -> None:
    assert fault in text_fault(text, 7)


@pytest.mark.parametrize(
    "numbers",
    [
        [0.0, 0.0],  # no bytes at all
        [97.0, np.nan],  # half a text
        [97.5, 0.0],
        [-1.0, 0.0],
        [2.0**24, 0.0],
        [np.inf, 0.0],
        [255.0, 0.0],  # no UTF-8
        [0.0, 97.0],  # NUL first
        [97.0, 97.0],  # NUL between
        [6381921.0, 6381921.0],  # six bytes where five are allowed
    ],
)
def test_numbers_that_are_no_text_are_found(numbers: list[float]) -> None:
    assert are_texts(np.array([numbers], np.float32), 5).tolist() == [False]


def test_made_up_texts_fit_and_differ() -> None:
    texts = made_up_texts(50, 20)

    assert texts == made_up_texts(50, 20)
    assert all(0 < len(text.encode()) <= 20 for text in texts)
    assert len({*texts}) > 20
