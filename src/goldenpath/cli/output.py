"""What verbs print: data on standard output, everything else on standard error."""

from collections.abc import Callable
from typing import Literal

import click
import msgspec

Format = Literal["text", "json"]

output_option: Callable[[Callable[..., None]], Callable[..., None]] = click.option(
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print the result.",
)


def show(record: object, text: str, output: Format) -> None:
    """Prints a record: the whole of it as JSON, or the text made for people."""
    if output == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(record, enc_hook=str), indent=2))
    else:
        click.echo(text)


def note(message: str) -> None:
    """Says something about the work to the person who watches."""
    click.echo(message, err=True)
