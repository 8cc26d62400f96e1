"""Sets of request numbers, kept as spans: memory grows with the gaps and not with the requests."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from goldenpath.errors import InvalidInput

_MOST_LOOSE = 1_000
"""Spans that may be added before all of them are merged."""


class RequestSpans:
    """A set of request numbers, each 0 or more."""

    def __init__(self) -> None:
        self._merged: list[tuple[int, int]] = []
        """First number and the number after the last one, in order and apart."""
        self._loose: list[tuple[int, int]] = []

    @classmethod
    def parse(cls, text: str) -> "RequestSpans":
        """Return the spans of a text, as `text` writes them. Raises `InvalidInput`."""
        result = cls()
        try:
            for span in text.split():
                first, count = (int(part) for part in span.split("+"))
                result.add(first, count)
        except ValueError as error:
            raise InvalidInput(f"{text[:80]!r} is no list of spans") from error
        return result

    def add(self, first: int, count: int) -> None:
        """Add `count` numbers from `first` on. Raises `ValueError` if one of both is negative."""
        if first < 0 or count < 0:
            raise ValueError("a span begins at 0 or later and has no negative length")
        if count:
            self._loose.append((first, first + count))
            if len(self._loose) > _MOST_LOOSE + len(self._merged):
                self._merge()

    def add_numbers(self, numbers: NDArray[np.int64]) -> None:
        """Add numbers in any order; some may be repeated."""
        ordered = np.unique(numbers)
        if len(ordered):
            ends = np.flatnonzero(np.diff(ordered) != 1)
            firsts = ordered[np.concatenate(([0], ends + 1))]
            lasts = ordered[np.concatenate((ends, [len(ordered) - 1]))]
            for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
                self.add(first, last - first + 1)

    def add_all(self, others: Iterable["RequestSpans"]) -> None:
        """Add the numbers of other sets."""
        for other in others:
            for first, after in other:
                self.add(first, after - first)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield the spans in order: the first number, and the number after the last one."""
        self._merge()
        return iter(self._merged)

    @property
    def total(self) -> int:
        """How many numbers there are."""
        return sum(after - first for first, after in self)

    @property
    def missing(self) -> int:
        """How many numbers from 0 to the highest one are not there."""
        spans = list(self)
        return spans[-1][1] - self.total if spans else 0

    @property
    def gaps(self) -> int:
        """How many numbers between the lowest and the highest one are not there."""
        return self.missing - next((first for first, _ in self), 0)

    @property
    def text(self) -> str:
        """The spans as `first+count`, separated by spaces."""
        return " ".join(f"{first}+{after - first}" for first, after in self)

    def _merge(self) -> None:
        if not self._loose:
            return
        merged: list[tuple[int, int]] = []
        for first, after in sorted([*self._merged, *self._loose]):
            if merged and first <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], after))
            else:
                merged.append((first, after))
        self._merged, self._loose = merged, []
