"""The statistics of the canary judge: bounds that hold at every time of looking.

The judge may look after each request and stop when it likes. Two rates are compared by betting
against them: a mixture over all rates of each release gains on the pair of rates that would still
be harmless, however that pair is chosen. By Ville's inequality the gain on the true pair ever
reaches `1 / alpha` with probability at most `alpha`.
Source: Howard, Ramdas et al., Time-uniform, nonparametric, nonasymptotic confidence sequences
(Annals of Statistics, 2021), section 3.2, with the Krichevsky-Trofimov mixture for each release.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from goldenpath.errors import InvalidInput

_STEPS = 60
"""Thirds cut off an interval: 3e-11 wide at the end."""
_SUSPICIOUS = 0.5
"""Standard errors beyond a margin from which on a canary waits for more answers."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """What a canary must not do, as `release.yaml` says; margins are differences of rates."""

    alpha: float = 0.002
    """Probability at most of ever rolling back a canary that keeps within every margin: of 200 such
    canaries more than 2 are with a probability below 1 percent."""
    miss: float = 0.01
    """Probability at most of ever advancing a canary that is off by `harm` or more."""
    harm: float = 0.05
    """How far the share of an outcome, or of differing pairs, has to be excluded to advance."""
    requests: float = 1000
    """Answers of the canary that are needed before it may advance."""
    errors: float = 0.005
    """How much more often than the stable release it may fail."""
    slow: float = 0.05
    """How much more often it may exceed a duration, after `latency_factor`."""
    latency_factor: float = 1.5
    """How much slower it may be."""
    outcome: float = 0.01
    """How far the share of any outcome may move."""
    score: float = 0.05
    """How far the distribution of scores may move, at any point."""
    slice: float = 0.1
    """How far the share of any outcome may move in a declared slice, and of how many pairs in it
    the outcome may differ."""
    disagreement: float = 0.02
    """Share of paired answers whose outcome may differ from that of the stable release."""

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
        found = cls(**values)
        if not (0 < found.alpha < 1 and 0 < found.miss < 1 and found.latency_factor >= 1):
            raise InvalidInput(
                f"the criteria have alpha {found.alpha:g}, miss {found.miss:g} and latency_factor "
                f"{found.latency_factor:g}: expected alpha and miss in (0, 1) and a factor of at "
                "least 1"
            )
        return found


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
    part: float | None = None
    """Of `alpha`, what this one may spend, whatever else is compared; None: an even part."""
    guards: bool = False
    """Whether the canary advances only once more than `harm` is excluded."""
    paired: bool = False
    """Whether the canary's share is of pairs that differ: the stable one's is 0, and known."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One comparison and what follows: holds at every look, with all others together."""

    name: str
    stable: Share
    canary: Share
    margin: float
    doubt: float
    """How likely at most such numbers ever come up within the margin; at most 1."""
    is_harm: bool

    @property
    def words(self) -> str:
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
    """A few words that stay the same while the reason does, whatever the numbers."""
    gaps: tuple[str, ...] = ()
    """What the source of the counts does not know."""

    @property
    def telling(self) -> tuple[Judged, ...]:
        """The comparisons that speak most against the canary, at most five."""
        asked = [each for each in self.comparisons if each.canary.total]
        return tuple(sorted(asked, key=lambda each: each.doubt)[:5])

    @property
    def numbers(self) -> tuple[str, ...]:
        """The grounds of a commit: what speaks most against the canary, and what is not known."""
        return (*(each.words for each in self.telling), *self.gaps[:3])


def judge(
    requests: int, comparisons: Sequence[Comparison], criteria: Criteria, judgements: int = 1
) -> CanaryVerdict:
    """The verdict on a canary with `requests` answers.

    `alpha` is shared by all comparisons, and by as many `judgements` as there are on this rollout
    (canaries and steps), so that the promise holds for all of them together.
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
            "roll back", "; ".join(each.words for each in harm[:3]), requests, judged
        )
    if requests < criteria.requests:
        words = f"{requests} of {criteria.requests:g} answers that are needed"
        return CanaryVerdict("hold", words, requests, judged, "too few answers")
    suspicious = [each for each in comparisons if _strain(each) > _SUSPICIOUS]
    if suspicious:
        words = f"{suspicious[0].name} looks worse, but that may be chance"
        return CanaryVerdict("hold", words, requests, judged, "looks worse")
    for each in comparisons:
        if each.guards and not _excludes(each, max(criteria.harm, each.margin), criteria.miss):
            limit = max(criteria.harm, each.margin)
            words = f"too few answers to exclude that {each.name} is off by {limit:.0%}"
            return CanaryVerdict("hold", words, requests, judged, "harm not excluded")
    return CanaryVerdict("advance", "no criterion speaks against it", requests, judged)


def _is_beyond(asked: Comparison) -> bool:
    difference = asked.canary.rate - asked.stable.rate
    return (abs(difference) if asked.both_ways else difference) > asked.margin


def _strain(asked: Comparison) -> float:
    """How many standard errors what was seen lies beyond the margin."""
    if not (_is_beyond(asked) and asked.stable.total and asked.canary.total):
        return 0.0
    spread = sum(
        (rate := (share.hits + 0.5) / (share.total + 1)) * (1 - rate) / share.total
        for share in (asked.stable, asked.canary)
    )
    beyond = abs(asked.canary.rate - asked.stable.rate) - asked.margin
    return beyond / math.sqrt(spread)


def _compare(asked: Comparison, alpha: float) -> Judged:
    stable, canary = asked.stable, asked.canary
    gain = 0.0
    if stable.total and canary.total and _is_beyond(asked):
        margin = asked.margin if canary.rate > stable.rate else -asked.margin
        gain = _gain(asked, margin)
    doubt = math.exp(min(-gain, 0.0))
    return Judged(asked.name, stable, canary, asked.margin, doubt, doubt <= alpha)


def _gain(asked: Comparison, margin: float) -> float:
    """Log of what betting against a difference of just `margin` has gained."""
    if asked.paired:
        hits, total = asked.canary.hits, asked.canary.total
        return _mixture(asked.canary) - _log_probability(hits, total, margin)
    best = _best_harmless(asked.stable, asked.canary, margin)
    return _mixture(asked.canary) + _mixture(asked.stable) - best


def _excludes(asked: Comparison, limit: float, miss: float) -> bool:
    """Whether the numbers refute every difference of `limit` or more.

    A canary that is off by so much is refuted with probability `miss` at most, at any time of
    looking; and it has to be refuted in everything that guards, so that nothing is shared out.
    """
    difference = asked.canary.rate - asked.stable.rate
    if not (asked.stable.total and asked.canary.total) or abs(difference) >= limit:
        return False
    sides = (limit, -limit) if asked.both_ways and not asked.paired else (limit,)
    return all(_gain(asked, side) >= -math.log(miss) for side in sides)


def _best_harmless(stable: Share, canary: Share, margin: float) -> float:
    """Log likelihood of the likeliest pair of rates that are just `margin` apart.

    The likelihood is concave, and what was seen lies beyond the margin, so that no pair that is
    closer together is likelier.
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
    """Log of the average probability of one such sequence over all rates."""
    hits, total = share.hits, share.total
    return (
        math.lgamma(hits + 0.5)
        + math.lgamma(total - hits + 0.5)
        - math.lgamma(total + 1.0)
        - math.log(math.pi)
    )


def _log_probability(hits: int, total: int, rate: float) -> float:
    """Log probability of one sequence with `hits` of `total`."""
    if rate in (0.0, 1.0):
        return 0.0 if hits == total * rate else -math.inf
    return hits * math.log(rate) + (total - hits) * math.log1p(-rate)
