"""Violations of a schema, where Python's patterns differ from those of JSON Schema."""

import pytest

from goldenpath.canonical import JsonValue
from goldenpath.parsers.violations import violations


@pytest.mark.parametrize(
    ("pattern", "text", "is_valid"),
    [
        ("^[a-z]+$", "credit", True),
        ("^[a-z]+$", "credit\n", False),
        ("^[a-z]+$", "credit\r", False),
        ("^[a-z]+$", "\ncredit", False),
        ("[a-z]", "9credit9\n", True),
    ],
)
def test_a_pattern_that_ends_a_text_ends_all_of_it(pattern: str, text: str, is_valid: bool) -> None:
    schema: dict[str, JsonValue] = {"type": "string", "pattern": pattern}

    assert (violations(text, schema, "file") == ()) is is_valid


def test_a_value_that_is_no_text_is_told_by_its_type() -> None:
    (fault,) = violations(7, {"type": "string", "pattern": "^a$"}, "file")

    assert "type" in fault.expected
