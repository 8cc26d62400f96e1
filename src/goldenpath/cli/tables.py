"""Tables: drawn on a terminal, and plain aligned columns anywhere else."""

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from io import StringIO

MOST_DRAWN = 1000
"""Rows of the longest table that is drawn; a longer one is printed plainly, which is faster."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row; its notes stand on lines below it, or in a column of their own if drawn."""

    cells: tuple[str, ...]
    notes: tuple[str, ...] = ()


def table(
    headings: Sequence[str],
    rows: Sequence[TableRow],
    *,
    numbers: Collection[str] = (),
    has_head: bool = False,
) -> str:
    """Return a table for standard output; the columns in `numbers` are aligned at the right.

    Without a terminal it is one line a row, for `grep` and `cut`, with a head only if `has_head`.
    """
    right = [heading in numbers for heading in headings]
    if sys.stdout.isatty() and 0 < len(rows) <= MOST_DRAWN:
        return _drawn(headings, rows, right)
    return "\n".join(_plain([TableRow(tuple(headings)), *rows] if has_head else rows, right))


def _plain(rows: Sequence[TableRow], right: Sequence[bool]) -> list[str]:
    widths = [max(len(row.cells[place]) for row in rows) for place in range(len(right)) if rows]
    lines: list[str] = []
    for row in rows:
        cells = [
            text.rjust(width) if is_right else text.ljust(width)
            for text, width, is_right in zip(row.cells, widths, right, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
        lines += [f"    {note}" for note in row.notes]
    return lines


def _drawn(headings: Sequence[str], rows: Sequence[TableRow], right: Sequence[bool]) -> str:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading, is_right in zip(headings, right, strict=True):
        drawn.add_column(heading, justify="right" if is_right else "left")
    has_notes = any(row.notes for row in rows)
    if has_notes:
        drawn.add_column("notes")
    for row in rows:
        notes = ["\n".join(row.notes)] if has_notes else []
        # As `Text`: a name from git must not be taken for markup of rich.
        drawn.add_row(*(Text(cell) for cell in (*row.cells, *notes)))
    console = Console()
    page = StringIO()
    Console(file=page, width=console.width, no_color=console.no_color, force_terminal=True).print(
        drawn
    )
    return page.getvalue().rstrip("\n")
