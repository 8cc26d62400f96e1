"""The flags with which a person says who acts."""

from collections.abc import Callable
from pathlib import Path

import click


def identity_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds `--as NAME` and `--key PATH`."""
    named = click.option("--as", "name", help="Who acts, as platform.toml lists them.")
    keyed = click.option(
        "--key", type=click.Path(path_type=Path, dir_okay=False), help="Their private SSH key."
    )
    return named(keyed(command))
