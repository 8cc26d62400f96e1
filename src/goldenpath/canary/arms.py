"""Turns the counts of two releases, from any source, into comparisons and a verdict.

A refusal harms a caller as a failure does: a canary that refuses what the stable release answers
gives no answers that could be compared. Durations are compared at fixed bounds, one for each
doubling, since a quantile of the data would change at every look. Counts restart at each change of
a route, so that both releases are judged on the same period of traffic.

The comparisons are fixed before any data are seen. So is the part of `alpha` of each family: one
fifth each for errors, refusals and durations, outcomes, scores, slices and pairs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

from goldenpath.canary.analysis import CanaryVerdict, Comparison, Criteria, Share, judge
from goldenpath.observe.drift.outcomes import PAIRED, PAIRED_SLICE
from goldenpath.serve.gateway.tally import BUCKETS, BUCKETS_PER_DOUBLING, Tally, upper_bound

_FIRST = 4 * BUCKETS_PER_DOUBLING
"""Index of the first bound: durations below 1.6 ms are not compared."""
_FAMILY = 0.2
"""The part of `alpha` for each family of comparisons."""

REFUSED_ALONE = "refused, but answered by the stable release"

Answers = Mapping[str, Sequence[int]]
"""Hits and total by name, as the observer counts them for one slot."""


@dataclass(frozen=True, slots=True)
class Arm:
    """The counts of one release in one period of traffic, from any source."""

    requests: int = 0
    failed: int = 0
    slower: Mapping[float, int] = field(default_factory=dict)
    """The number of requests that took longer than a bound, by bound in seconds."""
    answers: Answers = field(default_factory=dict)
    gaps: tuple[str, ...] = ()
    """What the source knows to be missing, one sentence each. With a gap no canary advances."""
    refused: int | None = None
    """The number of requests that it refused (status 400 to 499); None: not known."""
    refused_alone: int | None = None
    """How many of them the stable release answered when asked the same; None: it is not asked."""
    unasked: int = 0
    """Refused requests about which the stable release was not asked."""

    @classmethod
    def of(cls, tally: Tally, answers: Answers) -> "Arm":
        """Return the arm of these counts of requests and of answers."""
        longer = [*accumulate(reversed(tally.durations))][::-1]
        slower = {upper_bound(at): longer[at + 1] for at in range(_FIRST, BUCKETS - 1)}
        arm = cls(tally.requests, tally.failed, slower if tally.requests else {}, answers)
        return replace(arm, refused=tally.refused)


def verdict_on(
    stable: Arm, canary: Arm, criteria: Criteria, judgements: int = 1, *, seen: int | None = None
) -> CanaryVerdict:
    """Return the verdict on a canary.

    `seen` is the number of its answers that were counted; None takes it from the arm.
    """
    compared = [
        *arm_comparisons(stable, canary, criteria),
        *answer_comparisons(stable.answers, canary.answers, criteria),
    ]
    answers = _answers(canary.answers) if seen is None else seen
    verdict = judge(answers, compared, criteria, judgements)
    if verdict.action == "advance" and canary.unasked > criteria.refused * canary.requests:
        # Each of them may be a caller whom the stable release would have answered.
        reason = (
            f"the stable release was not asked about {canary.unasked} of {canary.refused} "
            "requests that the canary refused"
        )
        verdict = replace(verdict, action="hold", reason=reason, state="refusals not asked")
    gaps = tuple(dict.fromkeys((*stable.gaps, *canary.gaps)))
    if gaps and verdict.action == "advance":
        # The missing counts may speak against the canary.
        reason = f"some counts are missing: {gaps[0]}"
        return replace(verdict, action="hold", reason=reason, state="gaps", gaps=gaps)
    return replace(verdict, gaps=gaps)


def arm_comparisons(stable: Arm, canary: Arm, criteria: Criteria) -> Iterator[Comparison]:
    """Yield the comparisons of errors, refusals and durations.

    Refusals are compared as pairs if the stable release was asked about them, since a caller's own
    mistakes are refused by both; else by their shares. The stable release's share above a bound
    is compared with the canary's share above the first bound that is at least `latency_factor`
    higher.
    """
    if not stable.requests or not canary.requests:
        return
    points = [*_points(sorted(stable.slower.keys() & canary.slower.keys()), criteria)]
    part = _FAMILY / (len(points) + 2)
    failed = Share(stable.failed, stable.requests), Share(canary.failed, canary.requests)
    yield Comparison("errors", *failed, criteria.errors, part=part)
    if canary.refused_alone is not None:
        pairs = Share(0, canary.requests), Share(canary.refused_alone, canary.requests)
        yield Comparison(REFUSED_ALONE, *pairs, criteria.refused, part=part, paired=True)
    elif stable.refused is not None and canary.refused is not None:
        refused = Share(stable.refused, stable.requests), Share(canary.refused, canary.requests)
        yield Comparison("refusals", *refused, criteria.refused, part=part)
    for bound, above_it in points:
        yield Comparison(
            f"slower than {bound * 1000:.3g} ms",
            Share(stable.slower[bound], stable.requests),
            Share(canary.slower[above_it], canary.requests),
            criteria.slow,
            part=part,
        )


def _points(bounds: Sequence[float], criteria: Criteria) -> Iterator[tuple[float, float]]:
    """Yield the first bound of each doubling, and the bound for the canary beside it."""
    last = 0.0
    for bound in bounds:
        # At least the factor: a canary that is slower by exactly the factor is within its margin.
        above = [each for each in bounds if each >= bound * criteria.latency_factor]
        if above and bound >= last * 2 * (1 - 1e-9):
            last = bound
            yield bound, above[0]


def verdicts(
    deployment: str,
    slots: Sequence[str],
    tallies: Mapping[str, Tally],
    criteria: Criteria,
    *,
    answers: Mapping[str, Answers] | None = None,
    steps: int = 1,
) -> Mapping[str, CanaryVerdict]:
    """Return the verdict on each canary of a deployment (`stage/model`), by slot.

    The first of `slots` is the stable release. `tallies` and `answers` are by `stage/model/slot`.
    `steps` is how often the rollout is judged.
    """
    stable, *canaries = slots
    known = answers or {}

    def arm(slot: str) -> Arm:
        name = f"{deployment}/{slot}"
        return Arm.of(tallies.get(name, Tally()), known.get(name, {}))

    result = {}
    for slot in canaries:
        canary = _with_pairs(arm(slot), tallies.get(f"{deployment}/{slot}", Tally()))
        # Answers that the observer has not read yet must not be taken for harmless ones.
        seen = canary.requests if answers is None else _answers(canary.answers)
        result[slot] = verdict_on(arm(stable), canary, criteria, len(canaries) * steps, seen=seen)
    return result


def _with_pairs(arm: Arm, tally: Tally) -> Arm:
    """Return a canary's arm with what the gateway learned from the stable release."""
    unasked = max(tally.refused - tally.refusals_asked, 0)
    return replace(arm, refused_alone=tally.refusals_answered, unasked=unasked)


def _answers(counts: Answers) -> int:
    return max((total for name, (_, total) in counts.items() if not _is_paired(name)), default=0)


def _is_paired(name: str) -> bool:
    return name == PAIRED or name.startswith(PAIRED_SLICE)


def answer_comparisons(
    stable: Answers, canary: Answers, criteria: Criteria
) -> Iterator[Comparison]:
    """Yield the comparisons of answers, over all and by slice, for what both releases have."""
    shared = [name for name in stable if name in canary]
    pairs = canary[PAIRED][1] if PAIRED in shared else 0
    families = {
        kind: [name for name in shared if name.startswith(kind)] for kind in ("outcome ", "score ")
    }
    families["where "] = [name for name in shared if " where " in name]
    # Without outcomes, a value or score must not differ by more than the canary may harm.
    guarding = "outcome " if families["outcome "] else "score "
    margins = (criteria.outcome, criteria.score, criteria.slice)
    for (kind, family), margin in zip(families.items(), margins, strict=True):
        for name in family:
            part = _FAMILY / len(family)
            if _is_paired(name):
                yield _pairs(name, canary[name], margin, part)
                continue
            # With pairs, the share of an outcome cannot differ by more than the pairs do.
            guards = kind == guarding and not pairs
            pair = Share(*stable[name]), Share(*canary[name])
            yield Comparison(name, *pair, margin, True, part, guards)
    if PAIRED in shared:
        comparison = _pairs(PAIRED, canary[PAIRED], criteria.disagreement, _FAMILY)
        yield replace(comparison, guards=pairs > 0)


def _pairs(name: str, share: Sequence[int], margin: float, part: float) -> Comparison:
    hits, total = share
    return Comparison(
        name, Share(0, total), Share(hits, total), margin, part=part, paired=True
    )  # fmt: skip
