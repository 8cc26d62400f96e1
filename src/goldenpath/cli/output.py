"""Output of verbs: data on standard output, everything else on standard error."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import monotonic
from typing import Literal

import click

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


@dataclass(slots=True)
class Collected:
    """What a verb has shown, for a reader that is no terminal."""

    records: list[object] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


_COLLECTED: ContextVar[Collected | None] = ContextVar("collected", default=None)

WARNING = "WARNING"
"""A note that begins so is always shown."""
Notes = Literal["none", "plain", "timed"]
_NOTES: ContextVar[tuple[Notes, float]] = ContextVar("notes", default=("plain", 0.0))


def choose_notes(kind: Notes) -> None:
    """Choose for this process how notes are shown, and begin to count their seconds."""
    _NOTES.set((kind, monotonic()))


def shows_progress() -> bool:
    """Whether somebody watches who wants to see progress."""
    return _NOTES.get()[0] != "none" and sys.stderr.isatty()


@contextmanager
def collecting() -> Iterator[Collected]:
    """Collect what verbs show in this thread, instead of printing it."""
    collected = Collected()
    token = _COLLECTED.set(collected)
    try:
        yield collected
    finally:
        _COLLECTED.reset(token)


def show(record: object, text: str, output: Format) -> None:
    """Print a record: all of it as JSON, or the text for people."""
    collected = _COLLECTED.get()
    if collected is not None:
        collected.records.append(record)
        collected.texts.append(shown_text(text))
    elif output == "json":
        from goldenpath.parsers.record_json import record_json

        click.echo(record_json(record))
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
    collected = _COLLECTED.get()
    if collected is not None:
        collected.notes.append(shown_text(message))
        return
    kind, began = _NOTES.get()
    if kind == "none" and not message.startswith(WARNING):
        return
    elapsed = f"{monotonic() - began:6.1f} s  " if kind == "timed" else ""
    try:
        click.echo(f"{elapsed}{shown_text(message)}", err=True)
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
