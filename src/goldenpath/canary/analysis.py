"""The statistics of the canary judge: bounds that are valid at every look.

The judge may look after each request and stop at any time. Two rates are compared by a likelihood
ratio: a mixture over all rates of both releases against the likeliest pair of rates that would
still be harmless. By Ville's inequality the ratio against the true pair ever reaches `1 / alpha`
with probability at most `alpha`.
Source: Howard, Ramdas et al., Time-uniform, nonparametric, nonasymptotic confidence sequences
(Annals of Statistics, 2021), section 3.2, with the Krichevsky-Trofimov mixture for each release.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from goldenpath.errors import InvalidInput

_STEPS = 60
"""Steps of the ternary search; the last interval is 3e-11 wide."""
_SUSPICIOUS = 0.5
"""A canary waits for more answers if it is more standard errors than this beyond a margin."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """The limits for a canary, from `release.yaml`. Margins are differences of rates."""

    alpha: float = 0.002
    """The highest probability of ever rolling back a canary that is within every margin.

    Of 200 such canaries more than 2 are rolled back with a probability below 1 percent.
    """
    miss: float = 0.01
    """The highest probability of ever advancing a canary that differs by `harm` or more."""
    harm: float = 0.05
    """The difference of an outcome's share, or share of differing pairs, to exclude to advance."""
    requests: float = 1000
    """The number of the canary's answers that are needed before it may advance."""
    errors: float = 0.005
    """How much more often than the stable release it may fail."""
    refused: float = 0.005
    """How much more often it may refuse a request than the stable release does."""
    slow: float = 0.05
    """How much more often it may exceed a duration, after `latency_factor`."""
    latency_factor: float = 1.5
    """By which factor it may be slower."""
    outcome: float = 0.01
    """How much the share of any outcome may differ."""
    score: float = 0.05
    """How much the distribution function of scores may differ at any point."""
    slice: float = 0.1
    """How much an outcome's share, and the share of differing pairs, may differ in a slice."""
    disagreement: float = 0.02
    """The share of pairs whose outcomes may differ between both releases."""

    @classmethod
    def of(cls, values: Mapping[str, float]) -> "Criteria":
        """Return the criteria of a rollout. Raises `InvalidInput` for an unknown name."""
        known = set(cls.__dataclass_fields__)
        unknown = sorted(set(values) - known)
        if unknown:
            raise InvalidInput(
                f"the criterion {unknown[0]!r} is not known: expected one of "
                f"{', '.join(sorted(known))}"
            )
        made = cls(**values)
        if not (0 < made.alpha < 1 and 0 < made.miss < 1 and made.latency_factor >= 1):
            raise InvalidInput(
                f"the criteria have alpha {made.alpha:g}, miss {made.miss:g} and latency_factor "
                f"{made.latency_factor:g}: expected alpha and miss in (0, 1) and a factor of at "
                "least 1"
            )
        return made


@dataclass(frozen=True, slots=True)
class Share:
    """A share of answers: `hits` of `total`."""

    hits: int
    total: int

    def __post_init__(self) -> None:
        if not 0 <= self.hits <= self.total:
            raise InvalidInput(f"{self.hits} of {self.total} is not a share")

    @property
    def rate(self) -> float:
        """The observed share; 0 if there are no answers."""
        return self.hits / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """One criterion with its counts: how often something happens to each release."""

    name: str
    stable: Share
    canary: Share
    margin: float
    both_ways: bool = False
    """Whether happening less often is a harmful change too."""
    part: float | None = None
    """The part of `alpha` for this comparison; None: an equal part."""
    guards: bool = False
    """Whether a difference of `harm` must be excluded before the canary advances."""
    paired: bool = False
    """Whether the canary's share is that of differing pairs; the stable share is then exactly 0."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The result of one comparison, valid at every look and together with all others."""

    name: str
    stable: Share
    canary: Share
    margin: float
    doubt: float
    """An upper bound, at most 1, of the probability of such counts within the margin."""
    is_harm: bool

    @property
    def summary(self) -> str:
        """The numbers in one line."""
        return (
            f"{self.name} {self.canary.rate:.2%} of {self.canary.total} against "
            f"{self.stable.rate:.2%} of {self.stable.total}, margin {self.margin:.2%}, "
            f"doubt {self.doubt:.2g}"
        )


@dataclass(frozen=True, slots=True)
class CanaryVerdict:
    """What to do with the canary, and why."""

    action: Literal["advance", "hold", "roll back"]
    reason: str
    requests: int
    comparisons: tuple[Judged, ...]
    state: str = ""
    """The kind of the reason, without numbers, so that a hold is recorded once."""
    gaps: tuple[str, ...] = ()
    """What the source of the counts does not know, one sentence each."""

    @property
    def telling(self) -> tuple[Judged, ...]:
        """The comparisons that speak most against the canary, at most five."""
        counted = [each for each in self.comparisons if each.canary.total]
        return tuple(sorted(counted, key=lambda each: each.doubt)[:5])

    @property
    def numbers(self) -> tuple[str, ...]:
        """The numbers for the commit: the most telling comparisons, and what is not known."""
        return (*(each.summary for each in self.telling), *self.gaps[:3])


def judge(
    requests: int, comparisons: Sequence[Comparison], criteria: Criteria, judgements: int = 1
) -> CanaryVerdict:
    """Return the verdict on a canary with `requests` answers.

    `alpha` is divided among all comparisons, and among the `judgements` of the rollout (canaries
    times steps), so that the bound is valid for all of them together.
    """
    if not comparisons:
        return CanaryVerdict(
            "hold", "nothing can be compared yet", requests, (), "nothing to compare"
        )
    alpha = criteria.alpha / max(judgements, 1)
    even = 1 / len(comparisons)
    judged = tuple(_compare(each, alpha * (each.part or even)) for each in comparisons)
    harm = sorted((each for each in judged if each.is_harm), key=lambda each: each.doubt)
    if harm:
        return CanaryVerdict(
            "roll back", "; ".join(each.summary for each in harm[:3]), requests, judged
        )
    if requests < criteria.requests:
        reason = f"{requests} of {criteria.requests:g} answers that are needed"
        return CanaryVerdict("hold", reason, requests, judged, "too few answers")
    suspicious = [each for each in comparisons if _strain(each) > _SUSPICIOUS]
    if suspicious:
        reason = f"{suspicious[0].name} looks worse, but that may be chance"
        return CanaryVerdict("hold", reason, requests, judged, "looks worse")
    for comparison in comparisons:
        if comparison.guards and not _excludes(
            comparison, max(criteria.harm, comparison.margin), criteria.miss
        ):
            limit = max(criteria.harm, comparison.margin)
            reason = f"too few answers to exclude that {comparison.name} is off by {limit:.0%}"
            return CanaryVerdict("hold", reason, requests, judged, "harm not excluded")
    return CanaryVerdict("advance", "no criterion speaks against it", requests, judged)


def _is_beyond(comparison: Comparison) -> bool:
    difference = comparison.canary.rate - comparison.stable.rate
    return (abs(difference) if comparison.both_ways else difference) > comparison.margin


def _strain(comparison: Comparison) -> float:
    """Return how many standard errors the observed difference is beyond the margin; 0 inside."""
    if not (_is_beyond(comparison) and comparison.stable.total and comparison.canary.total):
        return 0.0
    spread = sum(
        (rate := (share.hits + 0.5) / (share.total + 1)) * (1 - rate) / share.total
        for share in (comparison.stable, comparison.canary)
    )
    beyond = abs(comparison.canary.rate - comparison.stable.rate) - comparison.margin
    return beyond / math.sqrt(spread)


def _compare(comparison: Comparison, alpha: float) -> Judged:
    stable, canary = comparison.stable, comparison.canary
    gain = 0.0
    if stable.total and canary.total and _is_beyond(comparison):
        margin = comparison.margin if canary.rate > stable.rate else -comparison.margin
        gain = _gain(comparison, margin)
    doubt = math.exp(min(-gain, 0.0))
    return Judged(comparison.name, stable, canary, comparison.margin, doubt, doubt <= alpha)


def _gain(comparison: Comparison, margin: float) -> float:
    """Return the log likelihood ratio against a difference of exactly `margin`."""
    if comparison.paired:
        hits, total = comparison.canary.hits, comparison.canary.total
        return _mixture(comparison.canary) - _log_probability(hits, total, margin)
    best = _best_harmless(comparison.stable, comparison.canary, margin)
    return _mixture(comparison.canary) + _mixture(comparison.stable) - best


def _excludes(comparison: Comparison, limit: float, miss: float) -> bool:
    """Whether the counts refute every difference of `limit` or more.

    If the canary does differ by so much, it is refuted with probability `miss` at most, at any
    look. Every guarding comparison must be refuted, so `miss` is not divided among them.
    """
    difference = comparison.canary.rate - comparison.stable.rate
    if not (comparison.stable.total and comparison.canary.total) or abs(difference) >= limit:
        return False
    sides = (limit, -limit) if comparison.both_ways and not comparison.paired else (limit,)
    return all(_gain(comparison, side) >= -math.log(miss) for side in sides)


def _best_harmless(stable: Share, canary: Share, margin: float) -> float:
    """Return the log likelihood of the likeliest pair of rates that are exactly `margin` apart.

    The likelihood is concave and the observed difference is beyond the margin, so no closer pair
    is likelier.
    """
    low, high = max(0.0, -margin), min(1.0, 1.0 - margin)

    def likelihood(rate: float) -> float:
        return _log_probability(stable.hits, stable.total, rate) + _log_probability(
            canary.hits, canary.total, min(max(rate + margin, 0.0), 1.0)
        )

    for _ in range(_STEPS):
        third = (high - low) / 3
        if likelihood(low + third) < likelihood(high - third):
            low += third
        else:
            high -= third
    return likelihood((low + high) / 2)


def _mixture(share: Share) -> float:
    """Return the log of the mean probability of one such sequence over all rates."""
    hits, total = share.hits, share.total
    return (
        math.lgamma(hits + 0.5)
        + math.lgamma(total - hits + 0.5)
        - math.lgamma(total + 1.0)
        - math.log(math.pi)
    )


def _log_probability(hits: int, total: int, rate: float) -> float:
    """Return the log probability of one sequence with `hits` of `total`."""
    if rate in (0.0, 1.0):
        return 0.0 if hits == total * rate else -math.inf
    return hits * math.log(rate) + (total - hits) * math.log1p(-rate)
