"""The flags of `goldenpath adopt`: what a person says about a model and its rows."""

from collections.abc import Callable
from functools import reduce

import click

from goldenpath.cli.parameters import NAMES

Command = Callable[..., None]

_FLAGS: tuple[Callable[[Command], Command], ...] = (
    click.option("--target", default="target", show_default=True, help="Column with the outcome."),
    click.option(
        "--key", default="", help="Column that identifies rows; default: rows are counted."
    ),
    click.option(
        "--score", default="", help="Column with what the model gave elsewhere, to compare."
    ),
    click.option("--time", default="", help="Column with the time of each row."),
    click.option(
        "--task",
        type=click.Choice(["probability", "classes", "value"]),
        help="What the model gives; default: as the outcomes show.",
    ),
    click.option("--unit", default="", help="Unit of a value, such as EUR."),
    click.option("--features", type=NAMES, default=(), help="Columns in the order of the model."),
    click.option("--slices", type=NAMES, default=(), help="Columns whose values are compared."),
    click.option("--protected", type=NAMES, default=(), help="Slices that fairness is judged by."),
    click.option(
        "--variable",
        default="",
        help="Variable of a script that is the model; default: the only one that can predict.",
    ),
    click.option(
        "--requirement",
        "requirements",
        multiple=True,
        help="A package that opens the model, such as scikit-learn==1.5.2; repeatable.",
    ),
    click.option(
        "--tier",
        type=click.Choice(["low", "material", "high"]),
        default="high",
        show_default=True,
        help="How much harm a wrong model can do.",
    ),
)


def wish_options(command: Command) -> Command:
    """Give a verb the flags whose values are the fields of `AdoptionWish`."""
    return reduce(lambda given, flag: flag(given), reversed(_FLAGS), command)
