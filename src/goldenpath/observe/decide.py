"""What a release says about rows: contract and profile, and what follows from them, by column."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goldenpath.drift.profile import Floats, Profile
from goldenpath.project.spec import Contract


@dataclass(frozen=True, slots=True)
class Facts:
    """The parts of a release that the observer needs."""

    contract: Contract
    profile: Profile


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


def unseen(profile: Profile, rows: Floats) -> NDArray[np.int16]:
    """Per row, how many features have a value that the reference never saw."""
    total = np.zeros(len(rows), np.int16)
    for bins, column in zip(profile.features, rows.T, strict=True):
        known = np.isin(column, np.array(bins.atoms, np.float32)) | np.isnan(column)
        if bins.edges:
            known |= (column >= bins.edges[0]) & (column <= bins.edges[-1])
        total += ~known
    return total
