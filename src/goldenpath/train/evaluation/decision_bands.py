"""What a score decides, for many scores at once."""

import numpy as np
from numpy.typing import NDArray

from goldenpath.project.spec import DecisionPolicy

Floats = NDArray[np.float64]


def accepted(policy: DecisionPolicy, scores: Floats) -> NDArray[np.bool_]:
    """Which scores fall into a band whose outcome is to accept."""
    accepting = np.array([band.outcome == "accept" for band in policy.bands])
    limits = [band.below for band in policy.bands]
    # A score equal to a limit belongs to the band above it, as in the decision at serving time.
    found: NDArray[np.bool_] = accepting[np.searchsorted(limits, scores, side="right")]
    return found


def bands(policy: DecisionPolicy, scores: Floats) -> NDArray[np.int64]:
    """The position of the band into which each score falls."""
    found: NDArray[np.int64] = np.searchsorted(
        [band.below for band in policy.bands], scores, side="right"
    )
    return found
