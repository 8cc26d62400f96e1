"""The smallest drift of each column that would have been seen by now.

It is found by asking the detector: the rows so far are replaced by as many rows of a drifted
distribution, and the drift is made larger until the detector alarms. What is printed is therefore a
statement about this column, this direction and these rows; it says nothing about other drifts.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goldenpath.drift.sequential import KINDS, Detector, State, log_evidence
from goldenpath.drift.shift import ShiftTest, Window

Array = NDArray[np.float64]

_STEPS = 14
_LARGEST_TILT = 4.0
DIRECTIONS = ("up", "down")


@dataclass(frozen=True, slots=True)
class Detectable:
    """The smallest drift of one column that would have been seen. None if not even the largest."""

    up: float | None
    """PSI of values that move up; for a category, of its rarest common code that grows."""
    down: float | None
    """PSI of values that move down; for a category, of its most common code that grows."""
    new: float | None
    """Share of rows with a value that the reference does not have."""
    missing: float | None
    """Share of rows without a value."""


NOTHING = Detectable(None, None, None, None)


def detectable(detector: Detector, state: State) -> list[Detectable]:
    """Return the smallest drift for each column, in as many rows as since the oldest start."""
    columns = len(detector.profile.columns)
    if not state.starts:
        return [NOTHING] * columns
    thresholds = -(math.log(state.weights[0]) + detector.log_shares)
    shifts = _smallest_shifts(detector, state, float(thresholds[0]))
    shares = _smallest_shares(detector, state, thresholds)
    return [Detectable(*shifts[place], *shares[place]) for place in range(columns)]


def _smallest_shifts(
    detector: Detector, state: State, threshold: float
) -> list[tuple[float | None, float | None]]:
    result: list[tuple[float | None, float | None]] = [(None, None)] * len(detector.profile.columns)
    for test in detector.shifts:
        sizes = _sizes_of(test, detector, state, threshold)
        for index, place in enumerate(test.columns):
            result[int(place)] = (_or_none(sizes[0, index]), _or_none(sizes[1, index]))
    return result


def _sizes_of(test: ShiftTest, detector: Detector, state: State, threshold: float) -> Array:
    """Return the PSI of the smallest shift of each column, up and down; NaN if there is none."""
    usual = test.shares[0]
    pattern = _pattern(usual, test.tilts)
    low, high = np.zeros((2, len(test.columns))), np.full((2, len(test.columns)), _LARGEST_TILT)

    def moved(amount: Array) -> Array:
        shares = usual * np.exp(amount[..., None] * pattern)
        result: Array = shares / shares.sum(axis=2, keepdims=True)
        return result

    def is_seen(amount: Array) -> NDArray[np.bool_]:
        counts = np.zeros((2, detector.profile.size))
        counts[:, test.positions] = moved(amount) * float(state.rows[0])
        result: NDArray[np.bool_] = test.evidence(_window(detector, state, counts)) >= threshold
        return result

    is_ever = is_seen(high)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        seen = is_seen(middle)
        low, high = np.where(seen, low, middle), np.where(seen, middle, high)
    shares = moved(high)
    psi = ((shares - usual) * np.log(shares / usual)).sum(axis=2)
    return np.where(is_ever, psi, np.nan)


def _pattern(shares: Array, tilts: Array) -> Array:
    """Return the two directions of each column, shape `(2, columns, bins)`."""
    if tilts.shape[2]:
        score = tilts[:, :, 1] / np.abs(tilts[:, :, 1]).max(axis=1, keepdims=True)
        return np.stack([score, -score])
    bins = np.arange(shares.shape[1])
    chosen = np.stack([shares.argmin(axis=1), shares.argmax(axis=1)])
    result: Array = (chosen[..., None] == bins).astype(np.float64)
    return result


def _smallest_shares(
    detector: Detector, state: State, thresholds: Array
) -> list[tuple[float | None, float | None]]:
    columns, rows = len(detector.profile.columns), float(state.rows[0])
    # Bins of unseen values stand before those of missing ones.
    places = np.stack([detector.missing - 1, detector.missing])
    kinds = np.array([KINDS.index("new code"), KINDS.index("missing")])

    def is_seen(share: Array) -> NDArray[np.bool_]:
        counts = np.zeros((2, detector.profile.size))
        counts[np.arange(2)[:, None], places] = share * rows
        evidence = log_evidence(detector, _window(detector, state, counts))
        found: NDArray[np.bool_] = evidence[np.arange(2), :, kinds] >= thresholds[kinds][:, None]
        return found

    usual = np.array([[0.0] * columns, [bins.counts[-1] / sum(bins.counts) for bins in
                                        detector.profile.columns]])  # fmt: skip
    low, high = usual.copy(), np.ones((2, columns))
    is_ever = is_seen(high)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        seen = is_seen(middle)
        low, high = np.where(seen, low, middle), np.where(seen, middle, high)
    sizes = np.where(is_ever, high, np.nan)
    return [(_or_none(sizes[0, place]), _or_none(sizes[1, place])) for place in range(columns)]


def _or_none(size: np.float64) -> float | None:
    return None if math.isnan(size) else float(size)


def _window(detector: Detector, state: State, counts: Array) -> Window:
    """Return a window of as many rows and days as since the oldest start."""
    size = len(counts)
    return Window(
        counts,
        np.repeat(state.cells[:1].astype(np.float64), size, axis=0),
        np.repeat(state.days[:1].astype(np.float64), size),
        np.zeros((size, len(detector.profile.columns))),
        np.zeros(size),
    )
