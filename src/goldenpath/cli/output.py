"""Output of verbs: data on standard output, everything else on standard error."""

import dataclasses
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import click

from goldenpath.digest import Digest
from goldenpath.errors import AlreadyDone
from goldenpath.files import NO_SPACE
from goldenpath.parsers.shown_text import shown_text

Format = Literal["text", "json"]

output_option: Callable[[Callable[..., None]], Callable[..., None]] = click.option(
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print the result.",
)


def show(record: object, text: str, output: Format) -> None:
    """Print a record: all of it as JSON, or the text for people."""
    if output == "json":
        import msgspec

        encoded = msgspec.json.encode(_plain(record), enc_hook=str)
        click.echo(msgspec.json.format(encoded, indent=2))
    else:
        click.echo(shown_text(text))


@contextmanager
def said_if_done(output: Format) -> Iterator[None]:
    """Say that what was asked for is so already, and exit with 0."""
    try:
        yield
    except AlreadyDone as error:
        show({"changed": False, "message": error.message}, error.message, output)
        sys.exit(0)


def note(message: str) -> None:
    """Print a note for the person who watches. A full disk loses it."""
    try:
        click.echo(shown_text(message), err=True)
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise


def _plain(value: object) -> object:
    """Return the record without dataclasses; a digest becomes its usual text form."""
    if isinstance(value, Digest):
        return value.text
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        # A field that was renamed keeps the name that scripts know, as its metadata says.
        return {
            field.metadata.get("json", field.name): _plain(getattr(value, field.name))
            for field in fields
        }
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
