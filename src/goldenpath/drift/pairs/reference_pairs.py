"""Makes the reference of pairs from the rows of the reference."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from goldenpath.drift.dependence import FEWEST_PERIODS
from goldenpath.drift.pairs.pair_reference import (
    MOST_PAIRED,
    PairedFeature,
    PairReference,
    pair_counts,
)
from goldenpath.drift.profile import Bins, Floats

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

SMALLEST_SIDE = 0.05
"""A feature with a smaller side says next to nothing about pairs and is not paired."""
_STANDARD_ERRORS = 1.0
"""Standard errors by which the design effect of a pair is enlarged: the reference is finite."""


def reference_pairs(
    features: Sequence[Bins], values: Sequence[Floats], blocks: Whole, *, most_effect: float
) -> PairReference | None:
    """Return the pairs of the features; None if fewer than two can be paired.

    `blocks` has the day of each row, or the block of rows that stands for a day. `most_effect`
    limits the design effect.
    """
    halves = [
        _half(bins, place, column)
        for place, (bins, column) in enumerate(zip(features, values, strict=True))
    ]
    usable = [half for half in halves if half is not None]
    chosen = usable[:MOST_PAIRED]
    if len(chosen) < 2:
        return None
    order = np.argsort(blocks, kind="stable")
    sides = np.column_stack([half.sides(values[half.place]) for half in chosen])[order]
    ends = np.flatnonzero(np.diff(blocks[order])) + 1
    counts = np.stack([pair_counts(part) for part in np.split(sides, ends)])
    alike, both = counts.sum(axis=0)
    return PairReference(
        tuple(chosen),
        tuple(alike.tolist()),
        tuple(both.tolist()),
        tuple(_effects(counts.astype(np.float64), most_effect).tolist()),
        len(usable) - len(chosen),
    )


def _half(bins: Bins, place: int, values: Floats) -> PairedFeature | None:
    present = values[~np.isnan(values)]
    if not len(present):
        return None
    is_code = bins.kind == "category"
    if is_code:
        codes, counts = np.unique(present, return_counts=True)
        middle = float(codes[counts.argmax()])
    else:
        middle = float(np.quantile(present, 0.5, method="inverted_cdf"))
    half = PairedFeature(bins.name, place, middle, is_code)
    share = float((half.sides(values) > 0).sum()) / len(present)
    return half if SMALLEST_SIDE <= share <= 1 - SMALLEST_SIDE else None


def _effects(counts: Array, most: float) -> Array:
    """Return the design effect of each pair; `counts` has shape `(blocks, 2, pairs)`."""
    number = len(counts)
    alike, both = counts[:, 0], counts[:, 1]
    if number < FEWEST_PERIODS:
        return np.ones(alike.shape[1])
    share = alike.sum(axis=0) / np.maximum(both.sum(axis=0), 1)
    expected = both * share * (1 - share)
    squares = (alike - both * share) ** 2
    found = np.divide(squares, expected, out=np.zeros_like(squares), where=expected > 0)
    effects = found.sum(axis=0) / (number - 1) * (1 + _STANDARD_ERRORS * math.sqrt(2 / number))
    result: Array = np.clip(effects, 1.0, max(most, 1.0))
    return result
