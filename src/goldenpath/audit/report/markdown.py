"""Markdown for the report. Values are escaped: they cannot become headings or rows."""

from collections.abc import Iterable, Iterator, Sequence

from goldenpath.audit.report.blocks import (
    Block,
    Blocks,
    Bullets,
    CommandLines,
    FactTable,
    Paragraph,
    shown_value,
)

Lines = tuple[str, ...]


def cell(value: object) -> str:
    """Return a value as one line, escaped for a table cell."""
    return shown_value(value).replace("|", "\\|").replace("<", "&lt;")


def rows(heads: Sequence[str], lines: Iterable[Sequence[object]]) -> Lines:
    """Return a table, or `None.` if it has no rows."""
    body = [f"| {' | '.join(cell(each) for each in line)} |" for line in lines]
    if not body:
        return ("None.",)
    return (f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}", *body)


def quote(text: str) -> Lines:
    """Return a text by a person, verbatim, as a block quotation."""
    return tuple(f"> {line}".rstrip() for line in text.replace("<", "&lt;").splitlines())


def as_markdown(blocks: Blocks) -> Lines:
    """Return the lines of these blocks."""
    return tuple(_lines(blocks))


def _lines(blocks: Blocks) -> Iterator[str]:
    last: Block | None = None
    for block in blocks:
        follows = isinstance(last, Paragraph) and isinstance(block, Paragraph) and not last.is_apart
        if last is not None and not follows:
            yield ""
        yield from _block(block)
        last = block
    if isinstance(last, Paragraph) and last.is_apart:
        yield ""


def _block(block: Block) -> Lines:
    match block:
        case Paragraph(text=text):
            return (cell(text),)
        case FactTable(heads=heads, rows=body):
            return rows(heads, body)
        case Bullets(items=items):
            return tuple(f"- {cell(each)}" for each in items)
        case CommandLines(lines=lines):
            return ("```", *lines, "```")
