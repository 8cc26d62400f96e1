"""Markdown as the report writes it: nothing that a value holds can become a heading or a row."""

from collections.abc import Iterable, Sequence

Lines = tuple[str, ...]


def cell(value: object) -> str:
    """A value as one line of text that cannot leave its cell."""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def rows(heads: Sequence[str], lines: Iterable[Sequence[object]]) -> Lines:
    """A table; one sentence instead where it has no row."""
    body = [f"| {' | '.join(cell(each) for each in line)} |" for line in lines]
    if not body:
        return ("None.",)
    return (f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}", *body)


def quote(text: str) -> Lines:
    """A text by a person, verbatim, set apart."""
    return tuple(f"> {line}".rstrip() for line in text.replace("<", "&lt;").splitlines())
