"""Tells the person who watches what is going on, without a word on standard output."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from goldenpath.cli.output import note

LARGE = 10_000_000
"""Bytes from which on moving them takes long enough to show it."""


@contextmanager
def working() -> Iterator[Callable[[str], None]]:
    """A line per step; on a terminal one line that changes, with the time it takes."""
    if not sys.stderr.isatty():
        yield note
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("starting")

        def report(step: str) -> None:
            progress.console.print(f"[dim]{progress.tasks[0].description}[/dim]")
            progress.update(task, description=step)

        yield report


@contextmanager
def moving(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar for `total` bytes on a terminal, if they are enough to wait for."""
    if not sys.stderr.isatty() or total < LARGE:
        yield lambda _size: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total)
        yield lambda size: bar.advance(task, size)
