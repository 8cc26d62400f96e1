"""The options that name the acting person and their key."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click

from goldenpath.canary.analysis import Criteria
from goldenpath.cli.naming import PERSON
from goldenpath.errors import InvalidInput


def identity_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--as NAME` and `--key PATH` to a verb."""
    named = click.option("--as", "name", type=PERSON, help="Who acts, as platform.toml lists them.")
    keyed = click.option(
        "--key", type=click.Path(path_type=Path, dir_okay=False), help="Their private SSH key."
    )
    return named(keyed(command))


def parse_steps(text: str) -> tuple[int, ...]:
    """Parse percentages such as `10,50,100`. Raises `InvalidInput`."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise InvalidInput(f"--canary is {text!r}: expected percentages such as 10,50,100")
    return tuple(int(part) for part in parts)


def parse_criteria(texts: Sequence[str]) -> Mapping[str, float]:
    """Parse `NAME=NUMBER` items. Raises `InvalidInput` for names that the judge does not know."""
    criteria = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            criteria[name] = float(value)
        except ValueError:
            criteria[name] = math.nan
        if not criteria[name] >= 0:
            raise InvalidInput(f"--criterion is {text!r}: expected NAME=NUMBER, 0 or more")
    Criteria.of(criteria)
    return criteria
