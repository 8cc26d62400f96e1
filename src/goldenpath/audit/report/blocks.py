"""The facts of a field as blocks: sentences, tables, lists and commands, in no markup language.

Each way to print the report renders the same blocks, so all of them say the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One or two sentences. A command in back-quotes is one to type."""

    text: str
    basis: str = ""
    """The need that the sentence rests on; empty: that of the whole field (`BASES`)."""
    is_apart: bool = False
    """Whether an empty line follows it in Markdown, even before another paragraph."""


@dataclass(frozen=True, slots=True)
class FactTable:
    """A table of facts; without rows it says `None.`"""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of sentences."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CommandLines:
    """Lines to type, with comments."""

    lines: tuple[str, ...]


Block = Paragraph | FactTable | Bullets | CommandLines
Blocks = tuple[Block, ...]


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Blocks:
    """Return a table of these values."""
    body = tuple(tuple(map(shown_value, row)) for row in rows)
    return (FactTable(tuple(heads), body),)


def paragraphs(*texts: str) -> Blocks:
    """Return a paragraph for each text."""
    return tuple(map(Paragraph, texts))


def shown_value(value: object) -> str:
    """Return a value as one line."""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return " ".join(text.split())
