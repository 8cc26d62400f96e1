"""The command lines behind the panels: real verbs, for reading alone, and no value is an option."""

import string

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldenpath.cli.families import command_of
from goldenpath.console.panels import PANELS, PATTERNS, checked
from goldenpath.errors import InvalidInput

SAMPLE = {
    "model": "credit", "stage": "prod", "release": f"sha256:{'a' * 64}", "time": "now",
    "other": "now", "before": f"sha256:{'a' * 64}", "after": f"sha256:{'b' * 64}",
    "prediction": "0123", "part": "joblib",
}  # fmt: skip
READS = {
    "register", "status", "findings", "why", "health", "inspect", "verify", "report", "diff", "at",
    "events", "trace", "waivers", "incident", "oversight", "inventory", "sod", "log", "affected",
}  # fmt: skip
"""The verbs that change nothing without a flag; a test of the whole console shows that."""


@pytest.mark.parametrize("name", PANELS)
def test_a_panel_asks_verbs_that_read_in_words_that_they_take(name: str) -> None:
    for words in PANELS[name].asks(SAMPLE).values():
        assert words[0] in READS
        command, rest = command_of(words[0]), list(words[1:])
        while isinstance(command, click.Group) and rest and rest[0] in command.commands:
            command = command.commands[rest.pop(0)]
        command.make_context(words[0], rest)


@given(name=st.sampled_from(sorted(PATTERNS)), value=st.text(max_size=80))
def test_no_value_of_an_address_is_an_option_or_has_a_control_character(
    name: str, value: str
) -> None:
    try:
        checked({name: value})
    except InvalidInput:
        return
    assert value and value[0] != "-" and all(c in string.printable[:95] for c in value)


def test_a_value_that_no_page_knows_is_refused() -> None:
    with pytest.raises(InvalidInput, match="reason"):
        checked({"reason": "x"})
