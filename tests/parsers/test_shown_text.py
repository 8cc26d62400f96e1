"""Texts of others steer no terminal."""

import pytest

from goldenpath.parsers.shown_text import one_line, shown_text

STEERING = (
    "\x1b[2J", "\x1b]0;title\x07", "\r", "\x08", "\x7f", "\x9b31m", "\x00", "\u202e", "\u2066",
    "\u200b", "\u2028", "\ufeff", "\ud800", "\u061c",
)  # fmt: skip


@pytest.mark.parametrize("text", STEERING, ids=ascii)
def test_what_steers_a_terminal_is_not_shown(text: str) -> None:
    shown = shown_text(f"on hold: {text}approved by validator")

    assert text[0] not in shown
    assert shown.startswith("on hold: ") and "\ufffd" in shown


def test_other_texts_stay_as_they_are() -> None:
    text = "größer, 模型, naïve - 10\xa0%\n\tline two, \u2026 and 🙂"

    assert shown_text(text) == text


@pytest.mark.parametrize("text", [*STEERING, "\n"], ids=ascii)
def test_a_line_is_one_line(text: str) -> None:
    assert one_line(f"a{text}b") in ("a b", "a [2Jb", "a ]0;title b", "a 31mb")
    assert len(one_line("x" * 300)) == 200
