"""The rules of a release applied to columns: decisions, cut-off distances, unseen values."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from goldenpath.drift.profile import Floats, Profile
from goldenpath.project.spec import Contract


@dataclass(frozen=True, slots=True)
class Parts:
    """Digests of the parts of a release that make a decision. Empty if a part is absent.

    The digest of a contract part is the SHA-256 of its canonical JSON.
    """

    model: str = ""
    """Digest of the model file. For several files: of the canonical JSON of their digests."""
    decision: str = ""
    """Digest of `decision`: bands, outcomes, fallback."""
    schema: str = ""
    """Digest of `features`, `input_tensor`, `output` and `output_tensor`."""
    explainer: str = ""
    """Digest of `reasons`: the map from weights of the model to reason codes."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The parts of a release that the observer needs."""

    contract: Contract
    profile: Profile
    parts: Parts = Parts()


@dataclass(frozen=True, slots=True)
class Decisions:
    """Band and outcome for each row. The band is None if the fallback was used."""

    bands: Sequence[str | None]
    outcomes: Sequence[str]
    fallback: NDArray[np.bool_]


def decide(contract: Contract, scores: Floats) -> Decisions:
    """Return the decision for each score, as the model server made it."""
    policy = contract.decision
    bounds = np.array([band.below for band in policy.bands[:-1]], np.float64)
    places = np.searchsorted(bounds, scores.astype(np.float64), side="right")
    with np.errstate(invalid="ignore"):
        fallback = ~((scores >= 0) & (scores <= 1))
    places[fallback] = len(policy.bands)
    names = np.array([*(band.name for band in policy.bands), None], object)
    outcomes = np.array([*(band.outcome for band in policy.bands), policy.fallback], object)
    return Decisions(names[places].tolist(), outcomes[places].tolist(), fallback)


def to_cutoff(contract: Contract, scores: Floats) -> Floats:
    """Return the distance of each score to the nearest bound where the outcome changes.

    NaN if there is no score or no such bound.
    """
    bands = contract.decision.bands
    bounds = [low.below for low, high in pairwise(bands) if low.outcome != high.outcome]
    if not bounds:
        return np.full(len(scores), np.nan, np.float32)
    distance = np.abs(scores[:, None].astype(np.float64) - np.array(bounds)).min(axis=1)
    with np.errstate(invalid="ignore"):
        distance[~((scores >= 0) & (scores <= 1))] = np.nan
    near: Floats = distance.astype(np.float32)
    return near


def unseen(profile: Profile, rows: Floats) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Return for each row the number of features with a value that the reference does not have.

    The second array counts those out of its numeric range. The others are unseen categories.
    """
    total, beyond = np.zeros(len(rows), np.int16), np.zeros(len(rows), np.int16)
    for bins, column in zip(profile.features, rows.T, strict=True):
        known = np.isin(column, np.array(bins.atoms, np.float32)) | np.isnan(column)
        if bins.edges:
            known |= (column >= bins.edges[0]) & (column <= bins.edges[-1])
            beyond += ~known
        total += ~known
    return total, beyond
