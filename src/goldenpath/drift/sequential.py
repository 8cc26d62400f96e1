"""The decision: an e-detector over counts, which may be looked at any time, with an alarm budget.

For each column and each kept start time, `E` is the likelihood of what was counted since, under a
mixture of alternatives, over the largest likelihood under any law within `radius` of the reference.
While the truth is such a law, no `E` grows on average, so the sum over start times grows by at most
one a look, and so does the average over columns. An alarm at `threshold` therefore takes at least
that many looks on average, whatever the number and the dependence of the columns.

That holds for rows that are independent draws from one law; dividing counts by the design effect
is a repair for dependence, not a proof. Which column is named is a good guess, not a guarantee.
Source: Shin, Ramdas, Rinaldo, E-detectors (2022); Wasserman et al., Universal inference (2020).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goldenpath.drift.alternatives import log_gamma, log_tilts
from goldenpath.drift.distance import chi_squared_quantile, shares
from goldenpath.drift.profile import Counts, Profile, reference_counts
from goldenpath.project.spec import MonitorSettings

Array = NDArray[np.float64]

PER_OCTAVE = 4
"""Start times kept between an age and twice that age; each age below twice this is kept."""
RADIUS_LEVEL = 0.999
"""How surely the law of the reference lies within the radius around its counts."""


@dataclass(frozen=True, slots=True, eq=False)
class Detector:
    """Everything about a release that does not change from look to look."""

    profile: Profile
    threshold: float
    """Evidence at which there is an alarm: looks a year over alarms a year."""
    offsets: NDArray[np.intp]
    """Where each column starts in the vector of counts."""
    reference: Array
    """Shares of all bins."""
    radius: Array
    """Per column, Kullback-Leibler divergence from the reference that is not drift, in nats."""
    tilts: tuple[Array, ...]

    @classmethod
    def of(cls, profile: Profile, settings: MonitorSettings) -> "Detector":
        """The detector of a profile, with the floor and the budget of the contract."""
        counts = reference_counts(profile).values
        parts = [shares(counts[place]) for _, place in profile.slices()]
        tilts = [log_tilts(b, part) for b, part in zip(profile.columns, parts, strict=True)]
        return cls(
            profile=profile,
            threshold=settings.looks_a_year / settings.false_alarms_a_year,
            offsets=np.array([place.start for _, place in profile.slices()], np.intp),
            reference=np.concatenate(parts),
            radius=np.array([_radius(profile, b.size, settings) for b in profile.columns]),
            tilts=tuple(tilts),
        )


def _radius(profile: Profile, size: int, settings: MonitorSettings) -> float:
    # The larger of the two, not their sum: "within the floor" contains "nothing changed" as long
    # as the error of the reference is smaller. Half the floor: PSI is divergence both ways.
    rows = profile.rows / profile.design_effect
    error = chi_squared_quantile(RADIUS_LEVEL, size - 1) / (2 * rows)
    return max(settings.floor_psi / 2, error)


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What was counted since each kept start time; the youngest is last."""

    looks: int
    starts: tuple[int, ...]
    """Looks that had been made before each start."""
    times: tuple[str, ...]
    """When the first row after each start arrived, RFC 3339."""
    rows: tuple[int, ...]
    counts: NDArray[np.int64]
    """Of shape `(starts, bins)`."""

    @classmethod
    def fresh(cls, profile: Profile) -> "State":
        """Before the first look."""
        return cls(0, (), (), (), np.zeros((0, profile.size), np.int64))

    def since(self, position: int) -> Counts:
        """What was counted since the start at `position`."""
        return Counts(self.rows[position], self.counts[position])


@dataclass(frozen=True, slots=True, eq=False)
class DriftEvidence:
    """What one look found; logarithms, since evidence soon leaves the range of numbers."""

    columns: Array
    """Per column, the logarithm of its evidence."""
    onset: NDArray[np.intp]
    """Per column, the position of the start time that weighs most."""
    total: float
    """Logarithm of the average over columns."""
    is_alarm: bool


def look(
    detector: Detector, state: State, counts: Counts, time: str
) -> tuple[State, DriftEvidence]:
    """Adds the rows counted since the last look, `time` being when the first of them arrived."""
    grown = _grow(state, counts, time)
    return grown, weigh(detector, grown)


def _grow(state: State, counts: Counts, time: str) -> State:
    looks = state.looks + 1
    kept = [i for i, start in enumerate(state.starts) if _is_kept(start, looks - start)]
    return State(
        looks,
        (*(state.starts[i] for i in kept), state.looks),
        (*(state.times[i] for i in kept), time),
        (*(state.rows[i] + counts.rows for i in kept), counts.rows),
        np.concatenate([state.counts[kept] + counts.values, counts.values[None]]),
    )


def _is_kept(start: int, age: int) -> bool:
    # Leaving starts out only makes the evidence smaller, so the bound on alarms stays.
    octave = max((age // PER_OCTAVE).bit_length() - 1, 0)
    return start % (1 << octave) == 0


def weigh(detector: Detector, state: State) -> DriftEvidence:
    """The evidence in what was counted so far."""
    size = len(detector.profile.columns)
    if not state.starts:
        return DriftEvidence(
            np.full(size, -np.inf), np.zeros(size, np.intp), -np.inf, is_alarm=False
        )
    counts = state.counts / detector.profile.design_effect
    weights = _log_mixture(detector, counts) - _log_best_null(detector, counts)
    columns = log_sum(weights, axis=0)
    total = float(log_sum(columns, axis=0)) - math.log(size)
    onset = np.argmax(weights, axis=0)
    return DriftEvidence(columns, onset, total, is_alarm=total >= math.log(detector.threshold))


def _log_mixture(detector: Detector, counts: Array) -> Array:
    """Half Dirichlet-multinomial with half a count a bin, half the tilts; `(starts, columns)`."""
    offsets = detector.offsets
    sizes = np.diff([*offsets, counts.shape[1]])
    rows = np.add.reduceat(counts, offsets, axis=1)
    gammas = np.add.reduceat(log_gamma(counts + 0.5), offsets, axis=1)
    spread = gammas - sizes * math.lgamma(0.5) + log_gamma(sizes / 2) - log_gamma(rows + sizes / 2)
    tilted = [
        log_sum(counts[:, start : start + size] @ tilt, axis=1) - math.log(tilt.shape[1])
        for start, size, tilt in zip(offsets, sizes, detector.tilts, strict=True)
    ]
    result: Array = np.logaddexp(spread, np.stack(tilted, axis=1)) - math.log(2)
    return result


def _log_best_null(detector: Detector, counts: Array) -> Array:
    """Largest log likelihood of a law `p` with `KL(reference || p) <= radius`.

    The maximum lies on the line from the reference to what was observed: `(1 - w) q + w c / n`,
    with `w` at the edge of the ball or 1. Along it the likelihood grows with `w`, so the bounds
    from the right that Newton's method takes on a convex function only make evidence smaller.
    """
    offsets, q = detector.offsets, detector.reference
    sizes = np.diff([*offsets, counts.shape[1]])
    observed = counts / np.repeat(np.add.reduceat(counts, offsets, axis=1), sizes, axis=1)
    ratio = observed / q - 1
    w = _largest_step(detector, ratio, sizes)
    log_p = np.log(q) + np.log1p(np.repeat(w, sizes, axis=1) * ratio)
    # A bin that was never hit adds nothing, however unlikely the best law makes it.
    terms = np.where(counts > 0, counts * log_p, 0.0)
    result: Array = np.add.reduceat(terms, offsets, axis=1)
    return result


_NEARLY_ONE = 1 - 1e-12
_STEPS = 7
_REFINEMENTS = 4


def _largest_step(detector: Detector, ratio: Array, sizes: NDArray[np.intp]) -> Array:
    offsets, q, radius = detector.offsets, detector.reference, detector.radius

    def divergence(w: Array) -> tuple[Array, Array]:
        inside = 1 + np.repeat(w, sizes, axis=1) * ratio
        value = -np.add.reduceat(q * np.log(inside), offsets, axis=1)
        return value, -np.add.reduceat(q * ratio / inside, offsets, axis=1)

    low = np.zeros((len(ratio), len(offsets)))
    high = np.full_like(low, _NEARLY_ONE)
    for _ in range(_STEPS):
        # Small radii put the root near 0, so the interval is divided towards its lower end.
        middle = low + (high - low) * 0.3
        is_outside = divergence(middle)[0] > radius
        low, high = np.where(is_outside, low, middle), np.where(is_outside, middle, high)
    for _ in range(_REFINEMENTS):
        value, slope = divergence(high)
        step = np.maximum(value - radius, 0.0) / np.maximum(slope, 1e-300)
        high = np.clip(high - step, low, high)
    return high


def log_sum(values: Array, axis: int) -> Array:
    """Logarithm of the sum of exponentials along an axis."""
    top = values.max(axis=axis, keepdims=True)
    result: Array = np.log(np.exp(values - top).sum(axis=axis)) + top.squeeze(axis)
    return result
