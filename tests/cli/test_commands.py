"""Every command that a hint, a message, a page or a generated pipeline names can be typed."""

from pathlib import Path

import pytest

from tests.cli.commands import calls_in, fault, sources

ROOT = Path(__file__).parent.parent.parent


def test_every_command_that_is_named_anywhere_can_be_typed() -> None:
    named = [(where, call) for where, text in sources(ROOT) for call in calls_in(text)]
    wrong = {f"{where}: goldenpath {' '.join(call)}": fault(call) for where, call in named}

    assert len(named) > 200
    assert {line: reason for line, reason in wrong.items() if reason} == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("run goldenpath promot X --stage dev", "no verb promot"),
        ("goldenpath promote VALUE --to VALUE", "promote has no option --to"),
        ("goldenpath promote VALUE, by one of: x", "--stage is missing"),
        ("goldenpath promote VALUE --stage prod by somebody else", None),
        ("goldenpath promote --canary 10,50,100", None),
        ("goldenpath rollback works all the time", None),
        ("goldenpath promote X --stage dev --judge robot", "--judge is robot"),
        ("goldenpath person add NAME --role ROLE", "--ssh-key is missing"),
        ("goldenpath approve X Y --stage prod", "extra words"),
    ],
)
def test_a_command_with_a_wrong_word_is_found(text: str, expected: str | None) -> None:
    (call,) = calls_in(text)

    assert fault(call) == expected
