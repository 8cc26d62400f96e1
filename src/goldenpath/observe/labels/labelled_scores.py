"""The scores of the prediction log by release: counted in bins, and joined with labels."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from goldenpath.drift.performance.calibration import ScoreGrid
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.home import Home
from goldenpath.observe.log.log_reader import log_public_key, read_columns, verified
from goldenpath.observe.log.segments.stored_segments import stored_segments

Floats = NDArray[np.float64]
Labels = Mapping[str, tuple[float, int]]
_COLUMNS = ("prediction_id", "release_digest", "score", "decisive")


@dataclass(slots=True)
class ScoredRelease:
    """What the log says about one release."""

    grid: ScoreGrid
    rows: Floats
    """Answers by bin of the grid."""
    labelled: list[tuple[int, float, float]] = field(default_factory=list)
    """For each labelled answer: the number of its file of labels, its score, its label."""


@dataclass(frozen=True, slots=True)
class ScoredLog:
    """Every release that answered, and what could not be read."""

    releases: Mapping[str, ScoredRelease]
    gaps: tuple[str, ...]


def scored_log(
    home: Home,
    stage: str,
    model: str,
    *,
    labels: Labels,
    cuts_of: Callable[[str], tuple[float, ...] | None],
) -> ScoredLog:
    """Return the scores of all verified segments of one model in one stage.

    `cuts_of` returns the cut-offs of a release, or None if it cannot be opened. Segments that are
    gone or were changed are gaps, and so are releases that cannot be opened.
    """
    releases: dict[str, ScoredRelease] = {}
    gaps: list[str] = []
    names = pa.array(list(labels), pa.string())
    values = list(labels.values())
    public_key = log_public_key(home)
    for segment in stored_segments(home.predictions, stage, model):
        if segment.is_expired():
            continue
        try:
            verified(segment, public_key)
            table = read_columns(segment, _COLUMNS)
        except (VerificationError, InvalidInput) as error:
            gaps.append(f"{segment.name}: {error.message}")
            continue
        table = table.filter(pc.and_(table["decisive"], table["score"].is_valid()))
        for digest in map(str, table["release_digest"].unique().to_pylist()):
            cuts = cuts_of(digest)
            if cuts is None:
                gaps.append(f"release {digest} cannot be opened, its answers are not counted")
                continue
            if digest not in releases:
                grid = ScoreGrid.of(cuts)
                releases[digest] = ScoredRelease(grid, np.zeros(len(grid.edges) - 1))
            part = table.filter(pc.equal(table["release_digest"], pa.scalar(digest)))
            _count(releases[digest], part, names, values)
    return ScoredLog(releases, tuple(dict.fromkeys(gaps)))


def _count(
    release: ScoredRelease,
    table: pa.Table,
    names: "pa.Array[pa.Scalar[pa.DataType]]",
    values: list[tuple[float, int]],
) -> None:
    scores = table["score"].to_numpy().astype(np.float64)
    release.rows += release.grid.counts(scores)
    places = pc.index_in(table["prediction_id"], value_set=names)
    for row, place in enumerate(places.to_pylist()):
        if place is not None and 0 <= scores[row] <= 1:
            label, number = values[place]
            release.labelled.append((number, float(scores[row]), label))
