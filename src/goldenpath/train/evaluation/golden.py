"""Rows with known answers: what the packaged model said of them when it was built.

A server asks the model the same rows when it loads it. Answers that differ by more than rounding
show another arithmetic: another runtime, another processor, another package. The rows are made up
from the training columns, each shuffled on its own, so that no row is about anybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goldenpath.project.spec import Contract
from goldenpath.train.evaluation.score import Scorer
from goldenpath.train.training_run import Golden

ROWS = 64
TOLERANCE = 1e-5
"""Difference of scores between processors and runtimes that is rounding of 32-bit floats."""


@dataclass(frozen=True, slots=True)
class AnswerDistance:
    """How far answers are from the recorded ones."""

    rows: int
    largest: float
    tolerance: float

    @property
    def is_rounding(self) -> bool:
        """Whether all of them agree."""
        return self.largest <= self.tolerance


def make_golden(
    contract: Contract, table: Mapping[str, NDArray[np.generic]], score: Scorer
) -> Golden:
    """Made-up rows in the range of `table`, with the scores of the model for them."""
    draw = np.random.default_rng(0)
    columns: dict[str, NDArray[np.generic]] = {}
    for feature in contract.features:
        known = np.asarray(table[feature.name], np.float32)
        known = np.sort(known[~np.isnan(known)])
        if not len(known):
            columns[feature.name] = np.full(ROWS, np.nan, np.float32)
            continue
        at = np.linspace(0, len(known) - 1, ROWS).astype(np.int64)
        values = draw.permutation(known[at])
        if feature.missing:
            values[draw.integers(0, ROWS)] = np.nan
        columns[feature.name] = values
    scores = score(columns)
    rows = np.column_stack([columns[feature.name] for feature in contract.features])
    return Golden(
        tuple(tuple(None if np.isnan(each) else float(each) for each in row) for row in rows),
        tuple(float(each) for each in scores),
        TOLERANCE,
    )


def rows_of_golden(golden: Golden) -> NDArray[np.float32]:
    """The rows as a model takes them."""
    return np.array(
        [[np.nan if value is None else value for value in row] for row in golden.rows], np.float32
    )


def distance(golden: Golden, scores: NDArray[np.floating]) -> AnswerDistance:
    """How far `scores` of the same rows are from the recorded ones; NaN is infinitely far."""
    gaps = np.abs(np.asarray(scores, np.float64) - np.array(golden.scores))
    largest = float(np.where(np.isnan(gaps), np.inf, gaps).max(initial=0.0))
    return AnswerDistance(len(golden.scores), largest, golden.tolerance)
