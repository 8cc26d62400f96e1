"""The drift decision: an e-detector over counts, valid at any look, with a false-alarm budget.

For each column and each kept start time, `E` is a likelihood ratio of the rows since that start.
Its numerator is the likelihood under a mixture of alternatives. Its denominator is the largest
likelihood under any distribution within `radius` of the reference.

While the true distribution is within the radius, no `E` grows on average. The sum over start times
then grows by at most one a look, and so does the average over columns. A false alarm at `threshold`
therefore takes at least `threshold` looks on average, however the columns depend on each other.

This holds for independent rows of one distribution. Dividing counts by the design effect corrects
for dependence approximately; there is no proof. The column that is named is likely, not certain.
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
"""Start times kept between an age and twice that age. Starts up to twice this age are all kept."""
RADIUS_LEVEL = 0.999
"""Confidence that the true distribution of the reference is within the radius of its shares."""


@dataclass(frozen=True, slots=True, eq=False)
class Detector:
    """The constants of the drift detector of one release."""

    profile: Profile
    threshold: float
    """Evidence that raises an alarm: looks a year divided by false alarms a year."""
    offsets: NDArray[np.intp]
    """The first bin of each column in the vector of counts."""
    reference: Array
    """Shares of all bins."""
    radius: Array
    """For each column, the tolerated Kullback-Leibler divergence from the reference, in nats."""
    tilts: tuple[Array, ...]
    """For each column, `log_tilts` of its bins."""

    @classmethod
    def of(cls, profile: Profile, settings: MonitorSettings) -> "Detector":
        """Return the detector of a profile, with the tolerance and alarm budget of the contract."""
        counts = reference_counts(profile).values
        parts = [shares(counts[bin_range]) for _, bin_range in profile.slices()]
        tilts = [log_tilts(b, part) for b, part in zip(profile.columns, parts, strict=True)]
        return cls(
            profile=profile,
            threshold=settings.looks_a_year / settings.false_alarms_a_year,
            offsets=np.array([bin_range.start for _, bin_range in profile.slices()], np.intp),
            reference=np.concatenate(parts),
            radius=np.array([_radius(profile, b.size, settings) for b in profile.columns]),
            tilts=tuple(tilts),
        )


def _radius(profile: Profile, size: int, settings: MonitorSettings) -> float:
    # The larger of the two, not their sum: the floor contains the sampling error of the reference
    # as long as that error is smaller. Half the floor: PSI is the sum of both KL divergences.
    rows = profile.rows / profile.design_effect
    error = chi_squared_quantile(RADIUS_LEVEL, size - 1) / (2 * rows)
    return max(settings.floor_psi / 2, error)


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """The counts since each kept start time. The most recent start is last."""

    looks: int
    starts: tuple[int, ...]
    """For each start, the number of looks before it."""
    times: tuple[str, ...]
    """For each start, when its first row arrived, RFC 3339."""
    rows: tuple[int, ...]
    counts: NDArray[np.int64]
    """Of shape `(starts, bins)`."""

    @classmethod
    def fresh(cls, profile: Profile) -> "State":
        """Return the state before the first look."""
        return cls(0, (), (), (), np.zeros((0, profile.size), np.int64))

    def since(self, position: int) -> Counts:
        """Return the counts since the start at `position`."""
        return Counts(self.rows[position], self.counts[position])


@dataclass(frozen=True, slots=True, eq=False)
class DriftEvidence:
    """The evidence for drift at one look. Logarithms, because evidence overflows 64-bit floats."""

    columns: Array
    """For each column, the logarithm of its evidence."""
    onset: NDArray[np.intp]
    """For each column, the position of the start time with the most evidence."""
    total: float
    """Logarithm of the average over columns."""
    is_alarm: bool


def look(
    detector: Detector, state: State, counts: Counts, time: str
) -> tuple[State, DriftEvidence]:
    """Add the rows counted since the last look. `time` is when the first of them arrived."""
    grown = _grow(state, counts, time)
    return grown, drift_evidence(detector, grown)


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
    # Dropping a start only makes the evidence smaller, so the bound on false alarms holds.
    octave = max((age // PER_OCTAVE).bit_length() - 1, 0)
    return start % (1 << octave) == 0


def drift_evidence(detector: Detector, state: State) -> DriftEvidence:
    """Return the evidence for drift in all rows counted so far."""
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
    """Return the log likelihood under the mixture of alternatives, shape `(starts, columns)`.

    Half of the weight is on a Dirichlet-multinomial with half a count for each bin, the other half
    on the tilts.
    """
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
    """Return the largest log likelihood of a distribution `p` with `KL(reference || p) <= radius`.

    The maximum lies on the line from the reference `q` to the observed shares `c / n`, at
    `(1 - w) q + w c / n`. There the divergence equals the radius, or `w` is 1. The likelihood grows
    with `w`. Newton's method approaches `w` from above, because the divergence is convex, so an
    error only makes the evidence smaller.
    """
    offsets, q = detector.offsets, detector.reference
    sizes = np.diff([*offsets, counts.shape[1]])
    observed = counts / np.repeat(np.add.reduceat(counts, offsets, axis=1), sizes, axis=1)
    ratio = observed / q - 1
    w = _largest_step(detector, ratio, sizes)
    log_p = np.log(q) + np.log1p(np.repeat(w, sizes, axis=1) * ratio)
    # An empty bin adds nothing to the likelihood, even where `p` is almost zero.
    terms = np.where(counts > 0, counts * log_p, 0.0)
    result: Array = np.add.reduceat(terms, offsets, axis=1)
    return result


_NEARLY_ONE = 1 - 1e-12
_STEPS = 7
_REFINEMENTS = 4


def _largest_step(detector: Detector, ratio: Array, sizes: NDArray[np.intp]) -> Array:
    offsets, q, radius = detector.offsets, detector.reference, detector.radius

    def divergence(w: Array) -> tuple[Array, Array]:
        """The divergence at `w`, and what its slope is made from."""
        inside = 1 + np.repeat(w, sizes, axis=1) * ratio
        return -np.add.reduceat(q * np.log(inside), offsets, axis=1), inside

    low = np.zeros((len(ratio), len(offsets)))
    high = np.full_like(low, _NEARLY_ONE)
    for _ in range(_STEPS):
        # The root is near 0 for small radii, so the interval is divided near its lower end.
        middle = low + (high - low) * 0.3
        is_outside = divergence(middle)[0] > radius
        low, high = np.where(is_outside, low, middle), np.where(is_outside, middle, high)
    for _ in range(_REFINEMENTS):
        value, inside = divergence(high)
        slope = -np.add.reduceat(q * ratio / inside, offsets, axis=1)
        step = np.maximum(value - radius, 0.0) / np.maximum(slope, 1e-300)
        high = np.clip(high - step, low, high)
    return high


def log_sum(values: Array, axis: int) -> Array:
    """Return the logarithm of the sum of exponentials along an axis."""
    top = values.max(axis=axis, keepdims=True)
    result: Array = np.log(np.exp(values - top).sum(axis=axis)) + top.squeeze(axis)
    return result
