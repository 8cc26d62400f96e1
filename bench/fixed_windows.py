"""The best fixed window: the rule against which the delay of the drift monitor is measured.

A fixed window compares each so many looks with the reference, by a chi-squared or a
Kolmogorov-Smirnov distance over the same bins. Its limit is the one that gives the budget on the
very stream without drift, which nobody knows in life. Windows begin when the drift begins, which
favours them: in life half a window passes before.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

RULES = ("chi-squared", "KS")


@dataclass(frozen=True, slots=True)
class FixedWindow:
    """A rule, the number of looks of its windows, and its mean delay in looks."""

    rule: str
    looks: int
    delay: float


def best_window(
    reference: Whole, quiet: Whole, drifted: Whole, *, expected_alarms: float
) -> FixedWindow:
    """Return the rule and window with the shortest mean delay at the same budget.

    `reference` has shape `(columns, bins)`, the others `(looks, columns, bins)`. In `quiet`, the
    rule may alarm `expected_alarms` times. `drifted` has drift from its first look on. A column
    that is not found by the last look counts as found then.
    """
    known = reference[:, : drifted.shape[2]]
    sizes = _sizes(len(drifted))
    rules = [
        FixedWindow(
            rule,
            size,
            _delay(
                _statistics(known, quiet, size, rule),
                _statistics(known[: drifted.shape[1]], drifted, size, rule),
                size,
                expected_alarms=expected_alarms,
            ),
        )
        for rule in RULES
        for size in sizes
    ]
    return min(rules, key=lambda each: each.delay)


def _sizes(most: int) -> list[int]:
    return sorted({round(1.5**power) for power in range(20) if 1.5**power <= most / 2})


def _statistics(reference: Whole, counts: Whole, size: int, rule: str) -> Array:
    """Return the distance of each window from the reference, shape `(windows, columns)`."""
    number = len(counts) // size
    windows = counts[: number * size].reshape(number, size, *counts.shape[1:]).sum(axis=1)
    shares = reference / reference.sum(axis=1, keepdims=True)
    found = windows / np.maximum(windows.sum(axis=2, keepdims=True), 1)
    if rule == "KS":
        distance: Array = np.abs(np.cumsum(found - shares, axis=2)).max(axis=2)
        return distance
    chi: Array = ((found - shares) ** 2 / np.maximum(shares, 1e-6)).sum(axis=2)
    return chi


def _delay(quiet: Array, drifted: Array, size: int, *, expected_alarms: float) -> float:
    position = max(int(expected_alarms), 1)
    limit = np.sort(quiet, axis=None)[-min(position, quiet.size)]
    is_alarm = drifted > limit
    first = np.where(is_alarm.any(axis=0), is_alarm.argmax(axis=0) + 1, len(drifted))
    return float(first.mean()) * size
