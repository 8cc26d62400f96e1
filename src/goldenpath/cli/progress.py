"""Progress of a verb for the person who watches, on standard error only."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from goldenpath.cli.output import WARNING, note, shows_progress

if TYPE_CHECKING:
    from rich.progress import Progress

LARGE = 10_000_000
"""Bytes above which a transfer takes long enough for a progress bar."""
_SOON = 1.0
"""Seconds of work without a bar; what ends sooner needs none."""

_OFTEN = 5.0
"""Seconds between two reports of the number of rows."""


class Steps:
    """Reports the current step of the work, and the progress within a large one."""

    def __init__(self, progress: "Progress | None") -> None:
        """Without a `progress` each step is printed as a line."""
        self._progress = progress
        self._begun: list[tuple[str, float]] = []

    def __call__(self, step: str) -> None:
        """Begin the next step."""
        if not step.startswith(WARNING):
            self._begun.append((step, monotonic()))
        if self._progress is None:
            note(step)
            return
        task = self._progress.tasks[0]
        self._progress.console.print(f"[dim]{task.description}[/dim]")
        self._progress.update(task.id, description=step)

    def durations(self) -> Iterator[tuple[str, float]]:
        """Yield each step so far with the seconds that it took."""
        ends = [start for _, start in self._begun[1:]]
        for (step, start), end in zip(self._begun, [*ends, monotonic()], strict=True):
            yield step, end - start

    @contextmanager
    def moving(self, total: int) -> Iterator[Callable[[int], object]]:
        """Show a bar for `total` bytes of this step, if they take long enough."""
        progress = self._progress
        if progress is None or total < LARGE:
            yield lambda _size: None
            return
        task = progress.tasks[0]
        progress.update(task.id, total=total, completed=0)
        yield lambda size: progress.advance(task.id, size)
        task.total = None


def counted_rows(step: Callable[[str], object]) -> Callable[[int], None]:
    """Return what reports the number of rows so far, at most every few seconds."""
    total, shown = 0, monotonic()

    def add(rows: int) -> None:
        nonlocal total, shown
        total += rows
        if monotonic() - shown >= _OFTEN:
            shown = monotonic()
            step(f"counted {total:,} rows")

    return add


@contextmanager
def working() -> Iterator[Steps]:
    """Show a line per step; on a terminal one changing line with the elapsed time."""
    if not shows_progress():
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
    """Show a bar for `total` bytes on a terminal, if they take long enough."""
    if not shows_progress() or total < LARGE:
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


def stepping(what: str, steps: Sequence[str]) -> Iterator[str]:
    """Yield the steps of a work. On a terminal a bar shows them once a second has passed."""
    if not shows_progress():
        yield from steps
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task, began = bar.add_task(what, total=len(steps)), monotonic()
    try:
        for number, step in enumerate(steps):
            if monotonic() - began > _SOON:
                bar.start()
            bar.update(task, completed=number, description=f"{what}: {step}")
            yield step
    finally:
        bar.stop()
