"""The statistics of the canary judge: bounds that hold at every time of looking.

The judge may look after each request and stop when it likes. Rates are compared by confidence
sequences: intervals that contain the true rate at all times at once with probability `1 - alpha`.
Each is the set of rates that a betting mixture has not refuted; by Ville's inequality a true rate
is ever refuted with probability at most `alpha`.
Source: Howard, Ramdas et al., Time-uniform, nonparametric, nonasymptotic confidence sequences
(Annals of Statistics, 2021), section 3.2, with the Krichevsky-Trofimov mixture.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from goldenpath.errors import InvalidInput

_STEPS = 40
"""Bisections of an interval: 1e-12 wide at the end."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """What a canary must not do, as `release.yaml` says; margins are differences of rates."""

    alpha: float = 0.01
    """Probability at most of ever rolling back a canary that keeps within every margin."""
    requests: float = 200
    """Answers of the canary that are needed before it may advance."""
    errors: float = 0.005
    """How much more often than the stable release it may fail."""
    slow: float = 0.05
    """How much more often it may exceed a duration, after `latency_factor`."""
    latency_factor: float = 1.5
    """How much slower it may be."""
    outcome: float = 0.1
    """How far the share of any outcome may move."""
    disagreement: float = 0.02
    """Share of paired answers that may differ."""

    @classmethod
    def of(cls, values: Mapping[str, float]) -> "Criteria":
        """From the criteria of a rollout. Raises `InvalidInput` for a name that is not known."""
        known = set(cls.__dataclass_fields__)
        unknown = sorted(set(values) - known)
        if unknown:
            raise InvalidInput(
                f"the criterion {unknown[0]!r} is not known: expected one of "
                f"{', '.join(sorted(known))}"
            )
        return cls(**values)


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
        """The share as seen; 0 of nothing."""
        return self.hits / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """One criterion with its numbers: how often something happens to each release."""

    name: str
    stable: Share
    canary: Share
    margin: float
    both_ways: bool = False
    """Whether happening less often is a change that counts too."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One comparison and what follows: bounds hold at every look, with all others together."""

    name: str
    stable: float
    canary: float
    margin: float
    least_difference: float
    """Canary minus stable is at least this much, or with the other sign at most."""
    is_harm: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with the canary, and why."""

    action: Literal["advance", "hold", "roll back"]
    reason: str
    requests: int
    comparisons: tuple[Judged, ...]


def judge(
    requests: int, comparisons: Sequence[Comparison], criteria: Criteria, slices: int = 1
) -> Verdict:
    """The verdict on a canary with `requests` answers.

    `alpha` is shared evenly by all comparisons (and, with `slices`, by that many judgements), so
    the promise holds for all of them together.
    """
    if not comparisons:
        return Verdict("hold", "nothing can be compared yet", requests, ())
    alpha = criteria.alpha / (len(comparisons) * max(slices, 1))
    judged = tuple(_compare(each, alpha) for each in comparisons)
    harm = [each for each in judged if each.is_harm]
    if harm:
        words = "; ".join(
            f"{each.name} {each.canary:.2%} against {each.stable:.2%} of the stable release, "
            f"surely more than {each.margin:.2%} apart"
            for each in harm
        )
        return Verdict("roll back", words, requests, judged)
    if requests < criteria.requests:
        words = f"{requests} of {criteria.requests:g} answers that are needed"
        return Verdict("hold", words, requests, judged)
    doubtful = [
        each
        for each, asked in zip(judged, comparisons, strict=True)
        if each.canary - each.stable > each.margin
        or (asked.both_ways and each.stable - each.canary > each.margin)
    ]
    if doubtful:
        words = f"{doubtful[0].name} looks worse, but that may be chance"
        return Verdict("hold", words, requests, judged)
    return Verdict("advance", "no criterion speaks against it", requests, judged)


def _compare(comparison: Comparison, alpha: float) -> Judged:
    stable, canary = comparison.stable, comparison.canary
    # Half of alpha for each release, and half of that for each side that is looked at.
    low, high = bounds(canary, alpha / 2)
    stable_low, stable_high = bounds(stable, alpha / 2)
    least = low - stable_high
    if comparison.both_ways and stable_low - high > least:
        least = stable_low - high
    return Judged(
        comparison.name,
        stable.rate,
        canary.rate,
        comparison.margin,
        least,
        least > comparison.margin,
    )


def bounds(share: Share, alpha: float) -> tuple[float, float]:
    """The rates that are not refuted, at any time of looking, at level `alpha`."""
    hits, total = share.hits, share.total
    if total == 0:
        return 0.0, 1.0
    mixture = (
        math.lgamma(hits + 0.5)
        + math.lgamma(total - hits + 0.5)
        - math.lgamma(total + 1.0)
        - math.log(math.pi)
    )
    limit = mixture + math.log(alpha)

    def is_refuted(rate: float) -> bool:
        return _log_probability(hits, total, rate) < limit

    best = hits / total
    low = 0.0 if not is_refuted(0.0) else _edge(best, 0.0, is_refuted)
    high = 1.0 if not is_refuted(1.0) else _edge(best, 1.0, is_refuted)
    return low, high


def _edge(inside: float, outside: float, is_refuted: Callable[[float], bool]) -> float:
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        if is_refuted(middle):
            outside = middle
        else:
            inside = middle
    return outside


def _log_probability(hits: int, total: int, rate: float) -> float:
    """Log probability of one sequence with `hits` of `total`."""
    if rate in (0.0, 1.0):
        return 0.0 if hits == total * rate else -math.inf
    return hits * math.log(rate) + (total - hits) * math.log1p(-rate)
