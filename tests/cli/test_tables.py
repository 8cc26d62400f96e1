"""Tables: plain columns for programs, drawn ones on a real terminal."""

import os
import pty
import subprocess
import sys

from goldenpath.cli.tables import MOST_DRAWN, TableRow, table

ROWS = [TableRow(("dev/credit", "50")), TableRow(("prod/x", "7"), ("a note", "another"))]
CODE = (
    "from goldenpath.cli.tables import TableRow, table\n"
    "rows = [TableRow(('dev/[red]credit', '50')), TableRow(('prod/x', '7'), ('a note',))]\n"
    "print(table(('deployment', 'percent'), rows, numbers={'percent'}))\n"
)


def test_without_a_terminal_each_row_is_one_line_in_columns() -> None:
    lines = table(("deployment", "percent"), [*ROWS[:1], TableRow(("prod/x", "7"))]).splitlines()

    assert lines == ["dev/credit  50", "prod/x      7"]


def test_numbers_are_aligned_at_the_right_and_notes_stand_below() -> None:
    text = table(("deployment", "percent"), ROWS, numbers={"percent"}, has_head=True)

    assert text.splitlines() == [
        "deployment  percent",
        "dev/credit       50",
        "prod/x            7",
        "    a note",
        "    another",
    ]


def test_no_row_is_no_text_unless_there_is_a_head() -> None:
    assert table(("a", "b"), []) == ""
    assert table(("a", "b"), [], has_head=True) == "a  b"


def test_on_a_terminal_it_is_drawn_with_a_head_and_names_are_no_markup() -> None:
    printed = _on_terminal(CODE)

    head, rule, first, second = [line for line in printed.splitlines() if line.strip()]
    assert head.split() == ["deployment", "percent", "notes"]
    assert "─" in rule
    assert first.split() == ["dev/[red]credit", "50"]
    assert second.split() == ["prod/x", "7", "a", "note"]


def test_a_long_table_is_not_drawn() -> None:
    code = (
        "from goldenpath.cli.tables import TableRow, table\n"
        f"print(table(('a',), [TableRow(('x',))] * {MOST_DRAWN + 1}).count('x'))\n"
        f"print(table(('a',), [TableRow(('x',))] * {MOST_DRAWN + 1})[:3].split())\n"
    )

    assert _on_terminal(code).splitlines() == [str(MOST_DRAWN + 1), "['x', 'x']"]


def _on_terminal(code: str) -> str:
    """Run Python with a real terminal as its standard output, and return what it printed."""
    terminal, output = pty.openpty()
    try:
        environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "80", "TERM": "dumb"}
        subprocess.run(
            [sys.executable, "-c", code], stdout=output, env=environment, check=True, timeout=60
        )
        os.close(output)
        return _read(terminal).decode()
    finally:
        os.close(terminal)


def _read(descriptor: int) -> bytes:
    printed = b""
    while True:
        try:
            chunk = os.read(descriptor, 65536)
        except OSError:  # Linux reports the end of a terminal so
            return printed
        if not chunk:
            return printed
        printed += chunk
