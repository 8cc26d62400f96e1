"""From what the gateway counted to the judge's verdict on each canary.

Durations are compared at fixed points, one per doubling, since a quantile of the data itself would
move with every look. The counts begin anew with each change of a route, so that both releases are
judged on the same stretch of traffic.
"""

import math
from collections.abc import Iterator, Mapping

from goldenpath.gateway.analysis import Comparison, Criteria, Share, Verdict, judge
from goldenpath.gateway.tally import BUCKETS, BUCKETS_PER_DOUBLING, Tally, upper_bound
from goldenpath.gitops.desired import Deployment

_FIRST = 2 * BUCKETS_PER_DOUBLING
"""Durations below 0.4 ms are all the same to us."""


def verdicts(
    deployment: Deployment, tallies: Mapping[str, Tally], criteria: Criteria
) -> Mapping[str, Verdict]:
    """The verdict on each canary of a deployment, by slot; `tallies` by `stage/model/slot`."""
    stable, *canaries = deployment.slots
    known = tallies.get(f"{deployment.name}/{stable.name}", Tally())
    found = {}
    for slot in canaries:
        tally = tallies.get(f"{deployment.name}/{slot.name}", Tally())
        compared = list(comparisons(known, tally, criteria))
        found[slot.name] = judge(tally.requests, compared, criteria, len(canaries))
    return found


def comparisons(stable: Tally, canary: Tally, criteria: Criteria) -> Iterator[Comparison]:
    """What the gateway's counts can say about a canary."""
    if not stable.requests or not canary.requests:
        return
    yield Comparison(
        "errors",
        Share(stable.failed, stable.requests),
        Share(canary.failed, canary.requests),
        criteria.errors,
    )
    later = round(BUCKETS_PER_DOUBLING * math.log2(criteria.latency_factor))
    for place in range(_FIRST, BUCKETS - later, BUCKETS_PER_DOUBLING):
        slow = sum(stable.durations[place + 1 :])
        slower = sum(canary.durations[place + 1 + later :])
        if slow or slower:
            yield Comparison(
                f"slower than {upper_bound(place) * 1000:.3g} ms",
                Share(slow, stable.requests),
                Share(slower, canary.requests),
                criteria.slow,
            )
    if canary.compared:
        yield Comparison(
            "paired answers that differ",
            Share(0, canary.compared),
            Share(canary.disagreed, canary.compared),
            criteria.disagreement,
        )
