"""The counts of the gateway: per release for the canary judge, and of its own answers."""

from bisect import bisect_left
from dataclasses import dataclass, field

from goldenpath.serve.gateway.refusals import RefusedRequests

BUCKETS_PER_DOUBLING = 4
FIRST_BOUND = 0.0001
"""Upper bound of the first bucket in seconds."""
BUCKETS = 80
"""Number of buckets, up to about 100 s."""


def bucket(seconds: float) -> int:
    """Return the bucket of a duration; each is 19 percent wider than the one before."""
    return bisect_left(_BOUNDS, seconds)


def upper_bound(index: int) -> float:
    """Return the longest duration of a bucket, in seconds."""
    return float(FIRST_BOUND * 2 ** (index / BUCKETS_PER_DOUBLING))


_BOUNDS = [upper_bound(index) for index in range(BUCKETS - 1)]


@dataclass(slots=True)
class Tally:
    """Counts of one slot of one route since the gateway started."""

    requests: int = 0
    failed: int = 0
    """Answers with status 500 and above."""
    refused: int = 0
    """Answers with status 400 to 499."""
    durations: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    compared: int = 0
    """Shadow answers that were compared with the live one."""
    disagreed: int = 0
    refusals_asked: int = 0
    """Refusals (status 400 to 499) after which the stable release was asked the same."""
    refusals_answered: int = 0
    """How many of them the stable release answered."""

    def count(self, status: int, seconds: float) -> None:
        """Count one answer."""
        self.requests += 1
        if status >= 500:
            self.failed += 1
        elif status >= 400:
            self.refused += 1
        self.durations[bucket(seconds)] += 1


class RefusalCounts:
    """The gateway's own answers, by deployment, method and status."""

    def __init__(self, scheme: str = "http") -> None:
        self._scheme = scheme
        self._counts: dict[tuple[str, str, int], RefusedRequests] = {}
        self.changed = False
        """Whether something was counted since the last report."""

    def count(self, deployment: str, method: bytes, status: int, seconds: float) -> None:
        """Count one answer; unserved methods share one series, so that there are few."""
        name = method.decode() if method in (b"GET", b"HEAD", b"POST") else "_OTHER"
        key = (deployment, name, status)
        counted = self._counts.get(key)
        if counted is None:
            counted = self._counts[key] = RefusedRequests(deployment, name, self._scheme, status)
        counted.add(seconds)
        self.changed = True

    def all(self) -> list[RefusedRequests]:
        """Return every count."""
        self.changed = False
        return list(self._counts.values())
