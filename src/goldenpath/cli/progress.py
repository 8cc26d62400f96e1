"""Tells the person who watches what is going on, without a word on standard output."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from goldenpath.cli.output import note

if TYPE_CHECKING:
    from rich.progress import Progress

LARGE = 10_000_000
"""Bytes from which on moving them takes long enough to show it."""


class Steps:
    """Says which step the work is at, and within a large one how far."""

    def __init__(self, progress: "Progress | None") -> None:
        """Without a `progress` each step is a line."""
        self._progress = progress

    def __call__(self, step: str) -> None:
        """The next step."""
        if self._progress is None:
            note(step)
            return
        task = self._progress.tasks[0]
        self._progress.console.print(f"[dim]{task.description}[/dim]")
        self._progress.update(task.id, description=step)

    @contextmanager
    def moving(self, total: int) -> Iterator[Callable[[int], object]]:
        """A bar for `total` bytes of this step, if they are enough to wait for."""
        progress = self._progress
        if progress is None or total < LARGE:
            yield lambda _size: None
            return
        task = progress.tasks[0]
        progress.update(task.id, total=total, completed=0)
        yield lambda size: progress.advance(task.id, size)
        task.total = None


@contextmanager
def working() -> Iterator[Steps]:
    """A line per step; on a terminal one line that changes, with the time it takes."""
    if not sys.stderr.isatty():
        yield Steps(None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task("starting", total=None)
        yield Steps(progress)


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
