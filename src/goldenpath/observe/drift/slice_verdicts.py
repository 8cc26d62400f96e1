"""The drift of each slice of a batch, against the rows of the same slice in a baseline.

A profile has no slices, and a slice differs from the whole also without any drift. So the reference
of a slice are rows of a table, such as the `reference.parquet` of the training, in the bins of the
profile.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from goldenpath.drift.counting import Counts
from goldenpath.drift.profile import Profile
from goldenpath.drift.verdict import DriftVerdict
from goldenpath.errors import InvalidInput
from goldenpath.observe.drift.batch_verdict import batch_verdict
from goldenpath.observe.drift.table_counts import TableCounts
from goldenpath.project.spec import MonitorSettings

FEWEST = 500
"""Rows of a slice in the baseline below which it says too little about what is usual."""


@dataclass(frozen=True, slots=True)
class SliceVerdict:
    """One slice: its verdict, or why there is none."""

    slice: str
    rows: int
    share: float
    """Share of all rows of the batch."""
    share_before: float
    """Share of all rows of the baseline."""
    verdict: DriftVerdict | None
    unknown: str = ""
    """Why there is no verdict; empty if there is one."""


def slice_verdicts(
    live: TableCounts,
    baseline: TableCounts,
    settings: MonitorSettings,
    *,
    days: int,
    chance: float,
) -> tuple[SliceVerdict, ...]:
    """Return the drift of every slice of the batch and of the baseline, by name.

    `chance` is that of a false alarm in any slice while nothing has changed. Raises `InvalidInput`
    if both do not have the same columns.
    """
    columns, others = ({bins.name for bins in each.profile.columns} for each in (live, baseline))
    if columns != others:
        differing = ", ".join(sorted(columns ^ others))
        raise InvalidInput(f"tables and baseline need the same columns: only one has {differing}")
    names = sorted({*live.slices, *baseline.slices})
    judged = [name for name in names if not _reason(name, live, baseline)]
    own = chance / max(len(judged), 1)
    return tuple(_verdicts(names, live, baseline, settings, days=days, chance=own))


def _verdicts(
    names: list[str],
    live: TableCounts,
    baseline: TableCounts,
    settings: MonitorSettings,
    *,
    days: int,
    chance: float,
) -> Iterator[SliceVerdict]:
    for name in names:
        rows, before = _rows(live, name), _rows(baseline, name)
        shares = rows / max(live.counts.rows, 1), before / max(baseline.counts.rows, 1)
        reason = _reason(name, live, baseline)
        verdict = None
        if not reason:
            profile = _profile_of(live.profile, baseline.slices[name])
            counts = Counts.of(profile, live.slices[name].values, rows)
            verdict = batch_verdict(profile, counts, settings, days=days, chance=chance)
        yield SliceVerdict(name, rows, *shares, verdict, reason)


def _rows(counted: TableCounts, name: str) -> int:
    counts = counted.slices.get(name)
    return 0 if counts is None else counts.rows


def _reason(name: str, live: TableCounts, baseline: TableCounts) -> str:
    """Return why a slice cannot be judged; empty if it can."""
    rows, before = _rows(live, name), _rows(baseline, name)
    if not before:
        return f"new: the baseline has no such rows, the batch has {rows}"
    if before < FEWEST:
        return f"too few rows: the baseline has {before}, expected at least {FEWEST}"
    return "" if rows else f"the batch has no such rows, the baseline has {before}"


def _profile_of(profile: Profile, reference: Counts) -> Profile:
    """Return the profile with the rows of a slice as its reference."""
    columns = [
        replace(bins, counts=tuple(map(int, reference.values[place])), seasons=())
        for bins, place in profile.slices()
    ]
    return replace(
        profile,
        rows=reference.rows,
        features=tuple(columns[:-1]),
        score=columns[-1],
        season="none",
    )
