"""From what any source counted of two releases to the judge's verdict on the canary.

Durations are compared at fixed points, one per doubling, since a quantile of the data itself would
move with every look. The counts begin anew with each change of a route, so that both releases are
judged on the same stretch of traffic.

What is compared is fixed before anything was seen, and so is the part of `alpha` that each may
spend: a fifth each for errors and durations, outcomes, scores, slices and pairs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

from goldenpath.canary.analysis import CanaryVerdict, Comparison, Criteria, Share, judge
from goldenpath.observe.drift.outcomes import PAIRED, PAIRED_SLICE
from goldenpath.serve.gateway.tally import BUCKETS, BUCKETS_PER_DOUBLING, Tally, upper_bound

_FIRST = 4 * BUCKETS_PER_DOUBLING
"""Durations below 1.6 ms are all the same to us."""
_FAMILY = 0.2

Answers = Mapping[str, Sequence[int]]
"""Hits and total by name, as the observer counts them for one slot."""


@dataclass(frozen=True, slots=True)
class Arm:
    """What any source counted of one release in one stretch of traffic."""

    requests: int = 0
    failed: int = 0
    slower: Mapping[float, int] = field(default_factory=dict)
    """Requests that took longer than so many seconds."""
    answers: Answers = field(default_factory=dict)
    gaps: tuple[str, ...] = ()
    """What the source knows that it does not know, a sentence each: nothing advances on it."""

    @classmethod
    def of(cls, tally: Tally, answers: Answers) -> "Arm":
        """From counts of requests and of answers."""
        longer = [*accumulate(reversed(tally.durations))][::-1]
        slower = {upper_bound(at): longer[at + 1] for at in range(_FIRST, BUCKETS - 1)}
        return cls(tally.requests, tally.failed, slower if tally.requests else {}, answers)


def verdict_on(
    stable: Arm, canary: Arm, criteria: Criteria, judgements: int = 1, *, seen: int | None = None
) -> CanaryVerdict:
    """The verdict on a canary with `seen` answers, of which more may be on their way."""
    compared = [
        *arm_comparisons(stable, canary, criteria),
        *answer_comparisons(stable.answers, canary.answers, criteria),
    ]
    answers = _answers(canary.answers) if seen is None else seen
    verdict = judge(answers, compared, criteria, judgements)
    gaps = tuple(dict.fromkeys((*stable.gaps, *canary.gaps)))
    if gaps and verdict.action == "advance":
        # What is there speaks for it, and what is not there might not.
        words = f"not everything is known: {gaps[0]}"
        return replace(verdict, action="hold", reason=words, state="gaps", gaps=gaps)
    return replace(verdict, gaps=gaps)


def arm_comparisons(stable: Arm, canary: Arm, criteria: Criteria) -> Iterator[Comparison]:
    """Errors and durations; a bound is held against the first that is `latency_factor` above."""
    if not stable.requests or not canary.requests:
        return
    points = [*_points(sorted(stable.slower.keys() & canary.slower.keys()), criteria)]
    part = _FAMILY / (len(points) + 1)
    failed = Share(stable.failed, stable.requests), Share(canary.failed, canary.requests)
    yield Comparison("errors", *failed, criteria.errors, part=part)
    for bound, above_it in points:
        yield Comparison(
            f"slower than {bound * 1000:.3g} ms",
            Share(stable.slower[bound], stable.requests),
            Share(canary.slower[above_it], canary.requests),
            criteria.slow,
            part=part,
        )


def _points(bounds: Sequence[float], criteria: Criteria) -> Iterator[tuple[float, float]]:
    """Of each doubling the first bound, and the one that the canary is held against."""
    last = 0.0
    for bound in bounds:
        # Never below the factor: a canary that is slower by just so much keeps within its margin.
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
    """The verdict on each canary of a deployment (`stage/model`), by slot; the first is stable.

    `tallies` and `answers` by `stage/model/slot`; `steps` is how many times the rollout is judged.
    """
    stable, *canaries = slots
    known = answers or {}

    def arm(slot: str) -> Arm:
        name = f"{deployment}/{slot}"
        return Arm.of(tallies.get(name, Tally()), known.get(name, {}))

    found = {}
    for slot in canaries:
        canary = arm(slot)
        # What the gateway sent but the observer has not read yet must not count as harmless.
        seen = canary.requests if answers is None else _answers(canary.answers)
        found[slot] = verdict_on(arm(stable), canary, criteria, len(canaries) * steps, seen=seen)
    return found


def _answers(counts: Answers) -> int:
    return max((total for name, (_, total) in counts.items() if not _is_paired(name)), default=0)


def _is_paired(name: str) -> bool:
    return name == PAIRED or name.startswith(PAIRED_SLICE)


def answer_comparisons(
    stable: Answers, canary: Answers, criteria: Criteria
) -> Iterator[Comparison]:
    """What the two releases answered, over all and per slice; nothing before both did."""
    shared = [name for name in stable if name in canary]
    pairs = canary[PAIRED][1] if PAIRED in shared else 0
    families = {
        kind: [name for name in shared if name.startswith(kind)] for kind in ("outcome ", "score ")
    }
    families["where "] = [name for name in shared if " where " in name]
    margins = (criteria.outcome, criteria.score, criteria.slice)
    for (kind, family), margin in zip(families.items(), margins, strict=True):
        for name in family:
            part = _FAMILY / len(family)
            if _is_paired(name):
                yield _pairs(name, canary[name], margin, part)
                continue
            # Where pairs tell how many answers differ, no share of an outcome is off by more.
            guards = kind == "outcome " and not pairs
            pair = Share(*stable[name]), Share(*canary[name])
            yield Comparison(name, *pair, margin, True, part, guards)
    if PAIRED in shared:
        asked = _pairs(PAIRED, canary[PAIRED], criteria.disagreement, _FAMILY)
        yield replace(asked, guards=pairs > 0)


def _pairs(name: str, share: Sequence[int], margin: float, part: float) -> Comparison:
    hits, total = share
    return Comparison(
        name, Share(0, total), Share(hits, total), margin, part=part, paired=True
    )  # fmt: skip
