"""The slices of a contract: groups of callers by one input, which metrics and the judge look at."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from goldenpath.project.spec import Contract, Feature

MOST = 12
"""Values of a category beyond which it is no slice."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows whose `feature`, in that column of the input, is at least `low` and below `high`."""

    column: int
    feature: str
    label: str
    low: float
    high: float


def slices(contract: Contract) -> Iterator[Slice]:
    """Every slice that follows from the contract: codes of categories, and numbers as cut."""
    for column, feature in enumerate(contract.features):
        if feature.kind == "category" and len(feature.categories) <= MOST:
            for value in feature.categories:
                yield Slice(column, feature.name, f"{value:g}", value, _next(value))
        yield from _cut(column, feature)


def _cut(column: int, feature: Feature) -> Iterator[Slice]:
    if not feature.slices:
        return
    bounds = (-inf, *feature.slices, inf)
    for low, high in pairwise(bounds):
        label = f"{low:g} to {high:g}"
        if low == -inf:
            label = f"below {high:g}"
        elif high == inf:
            label = f"{low:g} and above"
        yield Slice(column, feature.name, label, low, high)


def _next(value: float) -> float:
    """Above a code and below any other: codes are whole numbers or far apart."""
    return value + max(abs(value), 1.0) * 1e-6
