"""Decisions: from a score to a decision with reasons, by the policy packaged with the model."""

from collections.abc import Sequence

import msgspec
import numpy as np

from goldenpath.project.spec import DecisionPolicy, ReasonPolicy
from goldenpath.serve.model.model import Scores


class Given(msgspec.Struct, frozen=True):
    """One reason that is given."""

    code: str
    text: str
    weight: float


class PolicyDecision(msgspec.Struct, frozen=True, omit_defaults=True):
    """The decision on one row; without a score it is the fallback of the policy."""

    id: str
    score: float | None
    band: str | None
    outcome: str
    fallback: bool = False
    reasons: list[Given] = []
    """The reasons, largest weight first."""


class Decider:
    """One decision policy, compiled to arrays."""

    def __init__(self, policy: DecisionPolicy, reasons: ReasonPolicy | None = None) -> None:
        self._bounds = np.array([band.below for band in policy.bands[:-1]], dtype=np.float64)
        self._bands = policy.bands
        self._fallback = policy.fallback
        self._reasons = reasons

    def decide(
        self, prediction_id: str, scores: Scores, weights: Scores | None = None
    ) -> Sequence[PolicyDecision]:
        """Return one decision per score, in order."""
        # A score on a bound belongs to the band above it: a band ends *below* its bound.
        places = np.searchsorted(self._bounds, scores.astype(np.float64), side="right").tolist()
        given: Sequence[list[Given]] = [[]] * len(places)
        if self._reasons is not None and weights is not None:
            given = row_reasons(self._reasons, weights)
        return [
            self._decision(f"{prediction_id}-{row}", score, place, reasons)
            for row, (score, place, reasons) in enumerate(
                zip(scores.tolist(), places, given, strict=True)
            )
        ]

    def _decision(
        self, name: str, score: float, place: int, reasons: list[Given]
    ) -> PolicyDecision:
        if not 0.0 <= score <= 1.0:
            return PolicyDecision(name, None, None, self._fallback, fallback=True)
        band = self._bands[place]
        return PolicyDecision(name, score, band.name, band.outcome, reasons=reasons)


def row_reasons(policy: ReasonPolicy, weights: Scores) -> list[list[Given]]:
    """Return the reasons of each row: those that raised the score, largest weight first."""
    order = np.argsort(-weights, axis=1, kind="stable")[:, : policy.most]
    largest = np.take_along_axis(weights, order, axis=1)
    return [
        [
            Given(policy.codes[place].code, policy.codes[place].text, weight)
            for place, weight in zip(places, found, strict=True)
            if weight > 0
        ]
        for places, found in zip(order.tolist(), largest.tolist(), strict=True)
    ]
