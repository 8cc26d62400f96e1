"""What the answers of a model mean, by the task of its contract. Pure functions of numpy arrays.

A model gives `width` numbers for each row: one probability, one value, or a probability for each
class. Build, server, log, canary judge and `send` all ask this one module whether they are an
answer, which band and outcome they lead to, and whether two answers are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from goldenpath.project.spec import Contract

Numbers = NDArray[np.floating]
"""What a model gives, shape `(n, width)`."""
Mask = NDArray[np.bool_]
Positions = NDArray[np.int64]
Names = NDArray[np.object_]

SUM_TOLERANCE = 1e-3
"""How far the probabilities of all classes together may be from 1."""
SAME_SHARE = 0.05
"""Two values that differ by less than this share of the larger one count as the same."""
SAME_PROBABILITY = 0.05
"""Two probabilities without a decision policy that are closer count as the same."""
DECISIONS = ("accept", "refer", "decline")
"""The outcomes of a policy that names no others, in the order in which they are counted."""


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """Band and outcome of each row; the band is None for the fallback, the outcome if there is
    nothing to decide."""

    bands: Sequence[str | None]
    outcomes: Sequence[str | None]
    fallback: Mask


class AnswerRules:
    """The task and the decision policy of one contract, compiled to arrays."""

    def __init__(self, contract: Contract) -> None:
        self.task = contract.task
        self.classes = contract.classes
        self.width = len(contract.classes) if contract.task == "classes" else 1
        """How many numbers a model gives for each row."""
        self._policy = contract.decision
        self._low, self._high, self._tolerance = 0.0, 1.0, 0.0
        if contract.value is not None:
            self._low, self._high = contract.value.minimum, contract.value.maximum
            self._tolerance = contract.value.tolerance
        self._bounds, self._band_names, self._band_outcomes = self._bands()

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The outcomes that are counted and compared; without a policy these are the classes."""
        if self._policy is None:
            return self.classes
        named = self._policy.outcomes
        return DECISIONS if {*named} <= {*DECISIONS} else named

    def is_answer(self, numbers: Numbers) -> Mask:
        """Return which rows have an answer: numbers that the task allows."""
        with np.errstate(invalid="ignore"):
            bounded = (numbers >= self._low) & (numbers <= self._high)
            inside: Mask = np.asarray(bounded.all(axis=1))
            if self.task == "classes":
                excess = np.abs(numbers.sum(axis=1, dtype=np.float64) - 1.0)
                np.logical_and(inside, excess <= SUM_TOLERANCE, out=inside)
        return inside

    def main(self, numbers: Numbers) -> Numbers:
        """Return one number a row: the probability, the value, or that of the likeliest class."""
        if self.width == 1 and self.task != "classes":
            return numbers[:, 0]
        with np.errstate(invalid="ignore"):
            largest: Numbers = numbers.max(axis=1)
        return largest

    def likeliest(self, numbers: Numbers) -> Positions:
        """Return the position of the likeliest class, the first of equals; -1 without an answer."""
        safe = np.where(np.isnan(numbers), -np.inf, numbers)
        positions: Positions = safe.argmax(axis=1)
        positions[~self.is_answer(numbers)] = -1
        return positions

    def monitored(self, numbers: Numbers) -> Numbers:
        """Return what the drift monitor counts: score, value, or position of the class."""
        if self.task != "classes":
            return self.main(numbers)
        positions = self.likeliest(numbers).astype(np.float32)
        positions[positions < 0] = np.nan
        return positions

    def decide(self, numbers: Numbers) -> Decisions:
        """Return band and outcome of each row."""
        places, is_answer = self._places(numbers), self.is_answer(numbers)
        is_fallback = ~is_answer
        if self._policy is not None and self.task == "classes":
            is_fallback |= self._unsure(numbers, places)
        places[is_fallback] = len(self._band_names) - 1
        bands: Names = self._band_names[places]
        outcomes: Names = self._band_outcomes[places]
        return Decisions(bands.tolist(), outcomes.tolist(), is_fallback)

    def is_accepted(self, numbers: Numbers) -> Mask:
        """Return which rows have a favourable outcome; none without a policy."""
        favourable = self._policy.favourable if self._policy is not None else ()
        outcomes = self.decide(numbers).outcomes
        return np.array([outcome in favourable for outcome in outcomes], np.bool_)

    def differs(self, one: Numbers, other: Numbers) -> Mask:
        """Return for which rows two answers lead to another outcome, class or value.

        With a policy, bands count too.
        """
        if self._policy is not None:
            first, second = self.decide(one), self.decide(other)
            pairs = zip(first.bands, first.outcomes, second.bands, second.outcomes, strict=True)
            return np.array([(a, b) != (c, d) for a, b, c, d in pairs], np.bool_)
        if self.task == "classes":
            return np.asarray(self.likeliest(one) != self.likeliest(other))
        return ~self.is_same(self.main(one), self.main(other))

    def is_same(self, one: Numbers, other: Numbers) -> Mask:
        """Return which scores or values are close enough to count as the same."""
        left, right = np.asarray(one, np.float64), np.asarray(other, np.float64)
        allowed = np.full(left.shape, self._tolerance or SAME_PROBABILITY)
        if self.task == "value" and not self._tolerance:
            allowed = SAME_SHARE * np.maximum(np.abs(left), np.abs(right))
        with np.errstate(invalid="ignore"):
            close: Mask = np.abs(left - right) <= allowed
        return close | (np.isnan(left) & np.isnan(right))

    def to_bound(self, numbers: Numbers) -> Numbers:
        """Return the distance of each answer to the nearest bound where the outcome changes.

        NaN without an answer or such a bound. Bands have bounds; classes have none.
        """
        bands = self._policy.bands if self._policy is not None else ()
        bounds = [low.below for low, high in pairwise(bands) if low.outcome != high.outcome]
        if not bounds:
            return np.full(len(numbers), np.nan, np.float32)
        main = self.main(numbers).astype(np.float64)
        distance = np.abs(main[:, None] - np.array(bounds)).min(axis=1)
        distance[~self.is_answer(numbers)] = np.nan
        near: Numbers = distance.astype(np.float32)
        return near

    def _places(self, numbers: Numbers) -> Positions:
        if self.task == "classes":
            return self.likeliest(numbers)
        # A score on a bound belongs to the band above it: a band ends *below* its bound.
        main = self.main(numbers).astype(np.float64)
        places: Positions = np.searchsorted(self._bounds, main, side="right")
        return places

    def _unsure(self, numbers: Numbers, places: Positions) -> Mask:
        """Return the rows whose class is less likely than its outcome demands, or has none."""
        rules = {rule.name: rule.minimum for rule in self._policy.classes} if self._policy else {}
        # A class without a rule has no outcome of its own, so it gets the fallback.
        least = np.array([rules.get(name, np.inf) for name in self.classes])
        unsure: Mask = self.main(numbers) < least[places]
        return unsure

    def _bands(self) -> tuple[NDArray[np.float64], Names, Names]:
        """Return bounds, names and outcomes of the bands; the last ones are those of the fallback.

        The classes are the bands of the task `classes`.
        """
        policy = self._policy
        if self.task == "classes":
            outcomes = {rule.name: rule.outcome for rule in policy.classes} if policy else {}
            fallback = policy.fallback if policy is not None else None
            decided = [outcomes.get(name, fallback) if policy else name for name in self.classes]
            return np.empty(0), _names((None,) * (self.width + 1)), _names((*decided, fallback))
        if policy is None:
            return np.empty(0), _names((None, None)), _names((None, None))
        bounds = np.array([band.below for band in policy.bands[:-1]], np.float64)
        names = (*(band.name for band in policy.bands), None)
        return bounds, _names(names), _names((*(b.outcome for b in policy.bands), policy.fallback))


def _names(values: Sequence[str | None]) -> Names:
    names: Names = np.empty(len(values), object)
    names[:] = values
    return names
