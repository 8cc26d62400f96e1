"""Applies the decision policy of a contract to arrays of scores."""

import numpy as np
from numpy.typing import NDArray

from goldenpath.project.spec import DecisionPolicy

Floats = NDArray[np.float64]


def accepted(policy: DecisionPolicy, scores: Floats) -> NDArray[np.bool_]:
    """Return for each score whether the outcome of its band is to accept."""
    is_accepting = np.array([band.outcome == "accept" for band in policy.bands])
    result: NDArray[np.bool_] = is_accepting[bands(policy, scores)]
    return result


def bands(policy: DecisionPolicy, scores: Floats) -> NDArray[np.int64]:
    """Return for each score the position of its band."""
    limits = [band.below for band in policy.bands]
    # A score equal to a limit belongs to the band above it, as in the model server.
    result: NDArray[np.int64] = np.searchsorted(limits, scores, side="right")
    return result
