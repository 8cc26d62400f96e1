"""Profiles of equal deciles, and counts of rows drawn from them."""

from dataclasses import dataclass

import numpy as np

from goldenpath.drift.counting import Counts
from goldenpath.drift.dependence import Dependence
from goldenpath.drift.profile import Bins, Profile
from goldenpath.drift.seasons import DAY

__all__ = ["DAY", "NO_DRIFT", "Drift", "counts_of", "profile_of"]

INDEPENDENT = Dependence()


def profile_of(
    features: int, rows: int = 100_000, *, days: int = 100, dependence: Dependence = INDEPENDENT
) -> Profile:
    """A profile whose columns have ten bins of the same size."""
    edges = tuple(float(i) for i in range(11))
    counts = (*[rows // 10] * 10, 0, 0)
    columns = tuple(Bins(f"x{i}", "number", (), edges, counts, dependence) for i in range(features))
    return Profile(rows, columns, Bins("p", "score", (), edges, counts, dependence), days)


@dataclass(frozen=True, slots=True)
class Drift:
    """How the first column differs; by about `shift` standard deviations, and so many rows."""

    shift: float = 0.0
    new: int = 0
    missing: int = 0
    refused: int = 0


NO_DRIFT = Drift()


def counts_of(
    random: np.random.Generator, profile: Profile, rows: int, drift: Drift = NO_DRIFT
) -> Counts:
    """Independent rows, whose first column drifts."""
    uniform = np.full(10, 0.1)
    tilted = uniform * np.exp(drift.shift * np.linspace(-1.6, 1.6, 10))
    parts = []
    for place in range(len(profile.columns)):
        shares = tilted / tilted.sum() if place == 0 else uniform
        more = (drift.new, drift.missing) if place == 0 else (0, 0)
        parts.append([*random.multinomial(rows - sum(more), shares), *more])
    counts = Counts.of(profile, np.concatenate(parts).astype(np.int64), rows)
    faults = np.zeros(len(profile.columns), np.int64)
    faults[0] = drift.refused
    return Counts(counts.values, counts.cells, faults, drift.refused)
