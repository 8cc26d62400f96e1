"""Golden rows: made-up rows with the scores that the packaged model gave them when it was built.

A server scores the same rows when it loads the model. Scores that differ by more than rounding show
that another runtime, processor or package computes differently. Each column is drawn from the
training rows and shuffled by itself, so that no row describes a person.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goldenpath.project.spec import Contract
from goldenpath.project.task.feature_parts import DeclaredFeature, declared_features
from goldenpath.project.task.text_parts import made_up_texts, packed
from goldenpath.train.evaluation.score import Scorer
from goldenpath.train.training_run import Golden

ROWS = 64
TOLERANCE = 1e-5
"""Largest difference of scores that the rounding of 32-bit floats explains."""


@dataclass(frozen=True, slots=True)
class AnswerDistance:
    """The differences between scores and the recorded scores."""

    rows: int
    largest: float
    tolerance: float

    @property
    def is_rounding(self) -> bool:
        """Whether all differences are within the tolerance."""
        return self.largest <= self.tolerance


def make_golden(
    contract: Contract, table: Mapping[str, NDArray[np.generic]], score: Scorer
) -> Golden:
    """Return made-up rows with values of `table`, and the model's scores of them."""
    draw = np.random.default_rng(0)
    columns: dict[str, NDArray[np.generic]] = {}
    for feature in contract.features:
        column = np.asarray(table[feature.name], np.float32)
        present = np.sort(column[~np.isnan(column)])
        if not len(present):
            columns[feature.name] = np.full(ROWS, np.nan, np.float32)
            continue
        quantiles = np.linspace(0, len(present) - 1, ROWS).astype(np.int64)
        values = draw.permutation(present[quantiles])
        if feature.missing:
            values[draw.integers(0, ROWS)] = np.nan
        columns[feature.name] = values
    for declared in declared_features(contract):
        if declared.part == "text":
            columns |= _made_up(declared, contract)
    scores = score(columns)
    rows = np.column_stack([columns[feature.name] for feature in contract.features])
    return Golden(
        tuple(tuple(None if np.isnan(value) else float(value) for value in row) for row in rows),
        tuple(float(value) for value in scores.ravel()),
        TOLERANCE,
    )


def _made_up(declared: DeclaredFeature, contract: Contract) -> dict[str, NDArray[np.generic]]:
    """Return the columns of a text that was not taken from the training: texts describe people."""
    place = slice(declared.start, declared.start + declared.width)
    parts = contract.features[place]
    numbers = packed(made_up_texts(ROWS, parts[0].bytes), declared.width).astype(np.float32)
    return {part.name: numbers[:, at] for at, part in enumerate(parts)}


def rows_of_golden(golden: Golden) -> NDArray[np.float32]:
    """Return the rows as the input of a model."""
    return np.array(
        [[np.nan if value is None else value for value in row] for row in golden.rows], np.float32
    )


def distance(golden: Golden, scores: NDArray[np.floating]) -> AnswerDistance:
    """Return how far `scores` are from the recorded scores. NaN is infinitely far.

    A value that is larger than 1 is compared by its share.
    """
    recorded = np.array(golden.scores)
    gaps = np.abs(np.asarray(scores, np.float64).ravel() - recorded)
    gaps /= np.maximum(np.abs(recorded), 1.0)
    largest = float(np.where(np.isnan(gaps), np.inf, gaps).max(initial=0.0))
    return AnswerDistance(len(golden.rows), largest, golden.tolerance)
