"""The slices of a contract: groups of rows by the value of one feature.

Evaluation, telemetry and the canary judge report metrics for each slice.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from goldenpath.project.number_text import number_text
from goldenpath.project.spec import Contract, Feature

MAX_CATEGORIES = 12
"""A category with more values is not sliced."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The rows whose value in `column` of the input is at least `low` and below `high`."""

    column: int
    feature: str
    label: str
    low: float
    high: float


def slices(contract: Contract) -> Iterator[Slice]:
    """Yield the slices of the contract: one per code of a category, and intervals of numbers."""
    for column, feature in enumerate(contract.features):
        if feature.kind == "category" and len(feature.categories) <= MAX_CATEGORIES:
            names = feature.texts or tuple(map(number_text, feature.codes))
            for value, label in zip(feature.codes, names, strict=True):
                yield Slice(column, feature.name, label, value, _upper_bound(value))
        yield from _intervals(column, feature)


def _intervals(column: int, feature: Feature) -> Iterator[Slice]:
    if not feature.slices:
        return
    bounds = (-inf, *feature.slices, inf)
    for low, high in pairwise(bounds):
        label = f"{number_text(low)} to {number_text(high)}"
        if low == -inf:
            label = f"below {number_text(high)}"
        elif high == inf:
            label = f"{number_text(low)} and above"
        yield Slice(column, feature.name, label, low, high)


def _upper_bound(code: float) -> float:
    """Return the 32-bit float just above a code: the smallest that another code can have."""
    (bits,) = struct.unpack("<i", struct.pack("<f", code))
    (above,) = struct.unpack("<f", struct.pack("<i", bits + 1 if code >= 0 else bits - 1))
    return float(above)
