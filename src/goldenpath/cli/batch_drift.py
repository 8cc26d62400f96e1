"""`goldenpath drift --reference PROFILE DATA...`: compares tables with a reference."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from goldenpath.cli.drift_page import batch_page
from goldenpath.cli.output import Format, note, show
from goldenpath.cli.progress import working
from goldenpath.drift.profile_format import parse_profile
from goldenpath.drift.verdict import DriftVerdict
from goldenpath.errors import InvalidInput
from goldenpath.observe.drift.batch_verdict import batch_verdict
from goldenpath.observe.drift.table_counts import count_tables
from goldenpath.parsers.typed import read_bounded
from goldenpath.project.spec import MonitorSettings

CHANCE = 0.01
"""The chance of a false alarm in a batch."""
MAX_PROFILE = 64 * 1024 * 1024
"""Bytes of a profile."""


class BatchDrift(msgspec.Struct, frozen=True):
    """The comparison of tables with a reference."""

    rows: int
    days: int
    chance: float
    unknown_columns: tuple[str, ...]
    verdict: DriftVerdict


def compare(reference: Path, files: Sequence[Path], days: int, output: Format) -> None:
    """Count the rows of the files, judge them once and print the verdict."""
    if not files:
        raise InvalidInput(
            "--reference needs tables to compare",
            hint=f"goldenpath drift --reference {reference} rows.parquet",
        )
    profile = parse_profile(read_bounded(reference, MAX_PROFILE))
    with working() as step:
        step("counting rows")
        counted = count_tables(profile, files)
    if counted.unknown:
        note(f"not in the reference, and not compared: {', '.join(counted.unknown[:20])}")
    if profile.score.name not in {bins.name for bins in counted.profile.columns}:
        note(f"the tables have no column {profile.score.name}: predictions are not compared")
    verdict = batch_verdict(
        counted.profile, counted.counts, MonitorSettings(), days=days, chance=CHANCE
    )
    found = BatchDrift(counted.counts.rows, days, CHANCE, counted.unknown, verdict)
    show(found, batch_page(verdict, days, CHANCE), output)
