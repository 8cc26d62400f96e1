"""Where the data of a batch are: files of this machine, and URLs with its settings of stores."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from goldenpath.drift.profile import Profile
from goldenpath.observe.drift.batch_data import batch_files
from goldenpath.observe.drift.table_counts import TableCounts, count_batch
from goldenpath.settings import ObjectStore


def batch_counts(
    profile: Profile,
    sources: Sequence[str],
    report: Callable[[str], object],
    progress: Callable[[int], object],
    *,
    slice_column: str = "",
) -> TableCounts:
    """Count the rows of all sources in the bins of a profile. Raises as `count_batch` does."""
    with TemporaryDirectory(prefix="goldenpath-batch-") as folder:
        files = batch_files(sources, ObjectStore.of(os.environ), Path(folder), report)
        return count_batch(profile, files, slice_column=slice_column, progress=progress)
