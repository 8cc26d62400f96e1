"""What a release says about rows: contract and profile, and what follows from them, by column."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from goldenpath.drift.profile import Floats, Profile
from goldenpath.project.spec import Contract


@dataclass(frozen=True, slots=True)
class Parts:
    """Digests of what in a release made a decision; empty where there is no such part.

    Of contract parts: SHA-256 of their canonical JSON.
    """

    model: str = ""
    """Of the model's file; of several, of the canonical JSON of their digests by path."""
    decision: str = ""
    """Of `decision`: bands, outcomes, fallback."""
    schema: str = ""
    """Of `features`, `input_tensor`, `output` and `output_tensor`."""
    explainer: str = ""
    """Of `reasons`, which makes codes of the weights that the model gives."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The parts of a release that the observer needs."""

    contract: Contract
    profile: Profile
    parts: Parts = Parts()


@dataclass(frozen=True, slots=True)
class Decisions:
    """Band and outcome per row; the band is None where the fallback was used."""

    bands: Sequence[str | None]
    outcomes: Sequence[str]
    fallback: NDArray[np.bool_]


def decide(contract: Contract, scores: Floats) -> Decisions:
    """The decision for each score, as the model server made it."""
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
    """How far each score lies from the next bound at which the outcome is another one.

    NaN where there is no score, or no such bound.
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
    """Per row, how many features have a value that the reference never saw.

    And how many of those are numbers beyond its range; the others are categories.
    """
    total, beyond = np.zeros(len(rows), np.int16), np.zeros(len(rows), np.int16)
    for bins, column in zip(profile.features, rows.T, strict=True):
        known = np.isin(column, np.array(bins.atoms, np.float32)) | np.isnan(column)
        if bins.edges:
            known |= (column >= bins.edges[0]) & (column <= bins.edges[-1])
            beyond += ~known
        total += ~known
    return total, beyond
