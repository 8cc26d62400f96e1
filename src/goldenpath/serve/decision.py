"""From a score to a decision, by the policy that is packaged with the model."""

from collections.abc import Sequence

import msgspec
import numpy as np

from goldenpath.project.spec import DecisionPolicy
from goldenpath.serve.model import Scores


class Decision(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is answered about one row; without a score it is the fallback of the policy."""

    id: str
    score: float | None
    band: str | None
    outcome: str
    fallback: bool = False


class Decider:
    """One decision policy, compiled to arrays."""

    def __init__(self, policy: DecisionPolicy) -> None:
        self._bounds = np.array([band.below for band in policy.bands[:-1]], dtype=np.float64)
        self._bands = policy.bands
        self._fallback = policy.fallback

    def decide(self, prediction_id: str, scores: Scores) -> Sequence[Decision]:
        """One decision per score, in order."""
        # A score on a bound belongs to the band above it: bands hold what is *below* their bound.
        places = np.searchsorted(self._bounds, scores.astype(np.float64), side="right").tolist()
        return [
            self._decision(f"{prediction_id}-{row}", score, place)
            for row, (score, place) in enumerate(zip(scores.tolist(), places, strict=True))
        ]

    def _decision(self, name: str, score: float, place: int) -> Decision:
        if not 0.0 <= score <= 1.0:
            return Decision(name, None, None, self._fallback, fallback=True)
        band = self._bands[place]
        return Decision(name, score, band.name, band.outcome)
