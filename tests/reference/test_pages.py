"""The reference pages say what the code says; `python -m reference` writes them."""

from pathlib import Path

import click
import pytest

from goldenpath import instruments
from goldenpath.cli.families import VERBS, command_of
from goldenpath.stored_formats import FORMATS
from reference.pages import pages

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
MADE = pages()


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_page_is_what_the_code_makes_of_it(name: str) -> None:
    assert (FOLDER / name).read_text("utf-8") == MADE[name], "run python -m reference"


def test_there_is_no_other_page() -> None:
    assert {path.name for path in FOLDER.glob("*.md")} == set(MADE)


def test_every_verb_flag_metric_and_format_is_there() -> None:
    verbs = "".join(text for name, text in MADE.items() if name.startswith("verbs-"))

    for name in VERBS:
        command = command_of(name)
        own = [command, *(command.commands.values() if isinstance(command, click.Group) else ())]
        assert f"## goldenpath {name}\n" in verbs
        for each in own:
            for option in each.params:
                if isinstance(option, click.Option) and not option.hidden:
                    assert f"`{option.opts[0]}`" in verbs
    assert all(f"| `{name}` |" in MADE["metrics.md"] for name in instruments.DESCRIPTIONS)
    assert all(f"| {each.name} |" in MADE["formats.md"] for each in FORMATS)
