"""Markdown for the report. Values are escaped: they cannot become headings or rows."""

from collections.abc import Iterable, Sequence

Lines = tuple[str, ...]


def cell(value: object) -> str:
    """Return a value as one line, escaped for a table cell."""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def rows(heads: Sequence[str], lines: Iterable[Sequence[object]]) -> Lines:
    """Return a table, or `None.` if it has no rows."""
    body = [f"| {' | '.join(cell(each) for each in line)} |" for line in lines]
    if not body:
        return ("None.",)
    return (f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}", *body)


def quote(text: str) -> Lines:
    """Return a text by a person, verbatim, as a block quotation."""
    return tuple(f"> {line}".rstrip() for line in text.replace("<", "&lt;").splitlines())
