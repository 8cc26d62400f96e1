"""From what gateway and observer counted to the judge's verdict on each canary.

Durations are compared at fixed points, one per doubling, since a quantile of the data itself would
move with every look. The counts begin anew with each change of a route, so that both releases are
judged on the same stretch of traffic.

What is compared is fixed before anything was seen, and so is the part of `alpha` that each may
spend: a fifth each for the gateway's counts, outcomes, scores, slices and pairs.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from goldenpath.gateway.analysis import Comparison, Criteria, Share, Verdict, judge
from goldenpath.gateway.tally import BUCKETS, BUCKETS_PER_DOUBLING, Tally, upper_bound

_FIRST = 4 * BUCKETS_PER_DOUBLING
"""Durations below 1.6 ms are all the same to us."""
_FAMILY = 0.2
PAIRED = "differs from the live answer"

Answers = Mapping[str, Sequence[int]]
"""What the observer counted of one slot: hits and total by name."""


@dataclass(frozen=True, slots=True)
class Arm:
    """What any source counted of one release in one stretch of traffic."""

    requests: int = 0
    failed: int = 0
    slower: Mapping[float, int] = field(default_factory=dict)
    """Requests that took longer than so many seconds."""
    answers: Answers = field(default_factory=dict)


def verdict_on(stable: Arm, canary: Arm, criteria: Criteria, judgements: int = 1) -> Verdict:
    """The verdict on a canary from counts whose durations have any bounds."""
    compared = [
        *arm_comparisons(stable, canary, criteria),
        *answer_comparisons(stable.answers, canary.answers, criteria),
    ]
    return judge(_answers(canary.answers), compared, criteria, judgements)


def arm_comparisons(stable: Arm, canary: Arm, criteria: Criteria) -> Iterator[Comparison]:
    """Errors and durations; a bound is held against the first that is `latency_factor` above."""
    if not stable.requests or not canary.requests:
        return
    bounds = sorted(stable.slower.keys() & canary.slower.keys())
    points = []
    for bound in bounds:
        above = [each for each in bounds if each >= bound * criteria.latency_factor]
        points += [(bound, above[0])] if above else []
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


def verdicts(
    deployment: str,
    slots: Sequence[str],
    tallies: Mapping[str, Tally],
    criteria: Criteria,
    answers: Mapping[str, Answers] | None = None,
    steps: int = 1,
) -> Mapping[str, Verdict]:
    """The verdict on each canary of a deployment (`stage/model`), by slot; the first is stable.

    `tallies` and `answers` by `stage/model/slot`; `steps` is how many times the rollout is judged.
    """
    stable, *canaries = slots
    known = answers or {}
    name = f"{deployment}/{stable}"
    found = {}
    for slot in canaries:
        other = f"{deployment}/{slot}"
        tally = tallies.get(other, Tally())
        compared = [
            *comparisons(tallies.get(name, Tally()), tally, criteria),
            *answer_comparisons(known.get(name, {}), known.get(other, {}), criteria),
        ]
        # What the gateway sent but the observer has not read yet must not count as harmless.
        seen = tally.requests if answers is None else _answers(known.get(other, {}))
        found[slot] = judge(seen, compared, criteria, len(canaries) * steps)
    return found


def _answers(counts: Answers) -> int:
    return max((total for name, (_, total) in counts.items() if name != PAIRED), default=0)


def comparisons(stable: Tally, canary: Tally, criteria: Criteria) -> Iterator[Comparison]:
    """What the gateway's counts can say about a canary."""
    if not stable.requests or not canary.requests:
        return
    later = round(BUCKETS_PER_DOUBLING * math.log2(criteria.latency_factor))
    places = range(_FIRST, BUCKETS - later, BUCKETS_PER_DOUBLING)
    part = _FAMILY / (len(places) + 1)
    yield Comparison(
        "errors",
        Share(stable.failed, stable.requests),
        Share(canary.failed, canary.requests),
        criteria.errors,
        part=part,
    )
    for place in places:
        yield Comparison(
            f"slower than {upper_bound(place) * 1000:.3g} ms",
            Share(sum(stable.durations[place + 1 :]), stable.requests),
            Share(sum(canary.durations[place + 1 + later :]), canary.requests),
            criteria.slow,
            part=part,
        )


def answer_comparisons(
    stable: Answers, canary: Answers, criteria: Criteria
) -> Iterator[Comparison]:
    """What the two releases answered, over all and per slice; nothing before both did."""
    shared = [name for name in stable if name in canary]
    pairs = canary[PAIRED][1] if PAIRED in shared else 0
    for begin, margin in (
        ("outcome ", criteria.outcome),
        ("score ", criteria.score),
        ("", criteria.slice),
    ):
        family = (
            [name for name in shared if name.startswith(begin)]
            if begin
            else [name for name in shared if not name.startswith(("outcome ", "score ", PAIRED))]
        )
        for name in family:
            pair = Share(*stable[name]), Share(*canary[name])
            # Where pairs tell how many answers differ, no share of an outcome is off by more.
            guards = begin == "outcome " and not pairs
            yield Comparison(name, *pair, margin, True, _FAMILY / len(family), guards)
    if PAIRED in shared:
        hits, total = canary[PAIRED]
        yield Comparison(
            PAIRED, Share(0, total), Share(hits, total), criteria.disagreement, part=_FAMILY,
            guards=pairs > 0, paired=True,
        )  # fmt: skip
