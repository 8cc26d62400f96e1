"""`goldenpath drift --reference PROFILE DATA...`: compares tables with a reference."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec

from goldenpath import compose
from goldenpath.cli.drift_page import batch_page
from goldenpath.cli.output import Format, note, show
from goldenpath.cli.parameters import READABLE
from goldenpath.cli.progress import counted_rows, working
from goldenpath.drift.profile import Profile
from goldenpath.drift.profile_format import parse_profile
from goldenpath.drift.verdict import DriftVerdict
from goldenpath.errors import InvalidInput
from goldenpath.observe.drift.batch_verdict import batch_verdict
from goldenpath.observe.drift.slice_verdicts import SliceVerdict, slice_verdicts
from goldenpath.observe.drift.table_counts import TableCounts
from goldenpath.parsers.typed import read_bounded
from goldenpath.project.spec import MonitorSettings

CHANCE = 0.01
"""The chance of a false alarm in a batch."""
MAX_PROFILE = 64 * 1024 * 1024
"""Bytes of a profile."""


@dataclass(frozen=True, slots=True)
class BatchWish:
    """How tables are compared, as the options say."""

    reference: Path | None
    days: int
    slice_column: str
    baseline: str

    @property
    def is_asked(self) -> bool:
        """Whether an option about tables was given."""
        return self.reference is not None or bool(self.slice_column or self.baseline)


def batch_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options about tables to a verb, which gets them as `batch`."""

    @click.option("--reference", type=READABLE, help="Compare tables with this profile.")
    @click.option("--days", type=click.IntRange(1), default=1, help="Days that tables are from.")
    @click.option("--slice", "slice_column", default="", help="Also by the values of this column.")
    @click.option("--baseline", default="", help="Table with the usual rows of each slice.")
    @functools.wraps(command)
    def wrapped(
        reference: Path | None, days: int, slice_column: str, baseline: str, **others: object
    ) -> None:
        command(batch=BatchWish(reference, days, slice_column, baseline), **others)

    return wrapped


class BatchDrift(msgspec.Struct, frozen=True):
    """The comparison of tables with a reference."""

    rows: int
    days: int
    chance: float
    unknown_columns: tuple[str, ...]
    verdict: DriftVerdict
    slices: tuple[SliceVerdict, ...] = ()
    releases: tuple[str, ...] = ()
    """The releases whose answers were compared, if they are from the prediction log."""


def compare(batch: BatchWish, sources: Sequence[str], output: Format) -> None:
    """Count the rows of the sources, judge them once and print the verdict."""
    if batch.reference is None:
        raise InvalidInput("--slice and --baseline are about tables: expected --reference PROFILE")
    if not sources:
        raise InvalidInput(
            "--reference needs tables to compare",
            hint=f"goldenpath drift --reference {batch.reference} rows.parquet",
        )
    if bool(batch.slice_column) != bool(batch.baseline):
        raise InvalidInput(
            "--slice and --baseline belong together: a slice is compared with its usual rows",
            hint="--slice COLUMN --baseline reference.parquet, the table of the training",
        )
    profile = parse_profile(read_bounded(batch.reference, MAX_PROFILE))
    counted = _counted(profile, sources, batch.slice_column)
    _note_what_is_left_out(profile, counted)
    # With slices, one half of the chance is for the whole and the other for all of them.
    chance = CHANCE / 2 if batch.slice_column else CHANCE
    settings = MonitorSettings()
    slices: tuple[SliceVerdict, ...] = ()
    if batch.slice_column:
        usual = _counted(counted.profile, [batch.baseline], batch.slice_column)
        slices = slice_verdicts(counted, usual, settings, days=batch.days, chance=chance)
    verdict = batch_verdict(
        counted.profile, counted.counts, settings, days=batch.days, chance=chance
    )
    found = BatchDrift(
        counted.counts.rows, batch.days, CHANCE, counted.unknown, verdict, slices, counted.releases
    )
    show(found, batch_page(verdict, slices, batch.days, CHANCE), output)


def _counted(profile: Profile, sources: Sequence[str], slice_column: str) -> TableCounts:
    with working() as step:
        return compose.batch_counts(
            profile, sources, step, counted_rows(step), slice_column=slice_column
        )


def _note_what_is_left_out(profile: Profile, counted: TableCounts) -> None:
    names = {bins.name for bins in counted.profile.columns}
    if counted.unknown:
        note(f"not in the reference, and not compared: {', '.join(counted.unknown[:20])}")
    if counted.releases:
        note(
            "inputs in the prediction log are encrypted, so predictions alone are compared; "
            "goldenpath drift MODEL has the inputs as the monitor counted them"
        )
        note(f"they are answers of {', '.join(counted.releases[:10])}")
    elif profile.score.name not in names:
        note(f"the tables have no column {profile.score.name}: predictions are not compared")
